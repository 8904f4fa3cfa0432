"""The live demos, one class each. Importing this package is light: a demo is loaded when named."""

_HOMES = {
    "ActivationsDemo": "activations",
    "Clinic": "clinic",
    "ComputationGraphDemo": "computation_graph",
    "DropoutNet": "dropout_net",
    "Fit": "fit",
    "Freeze": "freeze",
    "Gates": "gates",
    "Kernel": "kernel",
    "Latent": "latent",
    "LeNet": "lenet",
    "LearningRateDemo": "learning_rate",
    "LossDemo": "loss",
    "Memory": "memory",
    "NormalizationAxes": "normalization_axes",
    "PerceptronDemo": "perceptron",
    "PlaygroundDemo": "playground",
    "Race": "race",
    "ReceptiveField": "receptive_field",
    "Ring": "ring",
    "Sampling": "sampling",
    "Schedule": "schedule",
    "Search": "search",
}
__all__ = [
    "ActivationsDemo",
    "Clinic",
    "ComputationGraphDemo",
    "DropoutNet",
    "Fit",
    "Freeze",
    "Gates",
    "Kernel",
    "Latent",
    "LeNet",
    "LearningRateDemo",
    "LossDemo",
    "Memory",
    "NormalizationAxes",
    "PerceptronDemo",
    "PlaygroundDemo",
    "Race",
    "ReceptiveField",
    "Ring",
    "Sampling",
    "Schedule",
    "Search",
]


def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__():
    return __all__
