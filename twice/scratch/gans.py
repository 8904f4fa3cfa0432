"""Generative adversarial networks: two nets, two losses, and steps taken in turn.

What either player pays is in `twice.scratch.game_losses`, critics with a bounded slope are in
`twice.scratch.critics`, conditional GANs in `twice.scratch.adversaries`.
"""

import math

import numpy as np

from twice.progress import progress_bar
from twice.scratch.backpropagation import Model
from twice.scratch.game_losses import (  # noqa: F401  the games belong here, they do not fit
    Hinge,
    LeastSquares,
    Minimax,
    NonSaturating,
    Wasserstein,
)
from twice.scratch.training import History, NotFinite


def check_finite(where, value, grads):
    """Raise NotFinite if the value or a gradient is NaN or infinite."""
    if not math.isfinite(value):
        raise NotFinite(f"{where}: the loss is {value}")
    for name, g in grads.items():
        if not np.isfinite(g).all():
            raise NotFinite(f"{where}: the gradient of {name} is not finite")


class GAN(Model):
    """A generator z (N, latent_dim) -> samples and a discriminator samples -> logits (N, 1).

    penalty: None or `penalty(discriminator, real, fake)` -> value, gradients by name.
    mixed: False judges real samples and fakes in batches of their own, which matters to
    batch norm; True in one batch. `params` are "generator.0.kernel", ...; `forward` and
    `predict` generate. Raises ValueError for latent_dim < 1. Goodfellow et al. (2014).
    """

    classes = 0

    def __init__(self, generator, discriminator, loss, *, latent_dim, penalty=None, mixed=False):
        if latent_dim < 1:
            raise ValueError(f"expected latent_dim >= 1, got {latent_dim}")
        if not mixed and getattr(discriminator, "penalty", float)():
            raise ValueError("two batches would count the discriminator's penalty() twice: "
                             "expected mixed=True, got False")  # fmt: skip
        self.generator, self.discriminator = generator, discriminator
        self.layers, self.loss = [generator, discriminator], loss
        self.latent_dim, self.penalty, self.mixed = latent_dim, penalty, mixed

    def collect(self, which):
        both = {"generator": self.generator, "discriminator": self.discriminator}
        return {f"{p}.{n}": a for p, net in both.items() for n, a in getattr(net, which).items()}

    params = property(lambda self: self.collect("params"))
    grads = property(lambda self: self.collect("grads"))

    def forward(self, noise, training=False):
        return self.generator.forward(noise, training=training)

    def noise(self, n, rng):
        """Standard normal (n, latent_dim)."""
        return rng.standard_normal((n, self.latent_dim))

    def sample(self, n, rng):
        """n samples, made without training's randomness."""
        return self.predict(self.noise(n, rng))

    def told(self, a, labels):
        """What a net sees beside noise or samples; here the labels do not exist."""
        return a

    def discriminator_gradients(self, real, fake):
        """The discriminator's loss, and its gradients by name; no step is taken."""
        net, n = self.discriminator, len(real)
        if self.mixed:
            logits = net.forward(np.concatenate([real, fake]), training=True)
            value, *slopes = self.loss.discriminator(logits[:n], logits[n:])
            net.backward(np.concatenate(slopes), input_gradient=False)
            return value + net.penalty(), net.grads
        value, grads = 0.0, {}
        for judge, x in ((self.loss.real, real), (self.loss.fake, fake)):
            found, slopes = judge(net.forward(x, training=True))
            net.backward(slopes, input_gradient=False)
            value += found
            grads = {name: g + grads.get(name, 0) for name, g in net.grads.items()}
        return value, grads

    def discriminator_step(self, real, noise, optimizer, labels=None, where="step 1"):
        """One step of the discriminator against fakes made from noise; the generator stays."""
        fake = self.generator.forward(self.told(noise, labels), training=True)
        real, fake = self.told(real, labels), self.told(fake, labels)
        value, grads = self.discriminator_gradients(real, fake)
        logs = {"discriminator_loss": value}
        if self.penalty is not None:
            logs["penalty"], more = self.penalty(self.discriminator, real, fake)
            grads = {name: g + more[name] for name, g in grads.items()}
        check_finite(f"{where}, discriminator", sum(logs.values()), grads)
        optimizer.step(self.discriminator.params, grads)
        return logs

    def generator_step(self, noise, optimizer, labels=None, where="step 1"):
        """One step of the generator, by what the discriminator says; the discriminator stays."""
        fake = self.generator.forward(self.told(noise, labels), training=True)
        logits = self.discriminator.forward(self.told(fake, labels), training=True)
        value, slopes = self.loss.generator(logits)
        value += self.generator.penalty()
        to_fake = self.discriminator.backward(slopes)[..., : fake.shape[-1]]
        self.generator.backward(to_fake, input_gradient=False)
        check_finite(f"{where}, generator", value, self.generator.grads)
        optimizer.step(self.generator.params, self.generator.grads)
        return {"generator_loss": value}

    def train_step(self, real, rng, *, generator_optimizer, discriminator_optimizer,
                   labels=None, where="step 1"):  # fmt: skip
        """The game's one move: a step of the discriminator, then one of the generator.

        Fresh noise for each. Returns the losses, each measured before its step.
        """
        n = len(real)
        logs = self.discriminator_step(
            real, self.noise(n, rng), discriminator_optimizer, labels, where
        )
        again = None if labels is None else rng.permutation(labels)
        return logs | self.generator_step(self.noise(n, rng), generator_optimizer, again, where)

    @np.errstate(over="ignore", invalid="ignore", divide="ignore")  # reported as NotFinite
    def fit(self, x, y=None, *, steps, generator_optimizer, discriminator_optimizer, rng,
            batch_size=64, critic_steps=1, callbacks=(), verbose="auto"):  # fmt: skip
        """Play `steps` moves on batches drawn from x (N, ...) by rng, with replacement.

        critic_steps: steps of the discriminator for each of the generator. The optimizers
        must be two: each remembers its own net. callbacks: `on_batch_end` comes after every
        move; `stop_training` ends the game. Returns a `History` with one entry a move.
        Ctrl-C keeps what is learned. Raises NotFinite at the first NaN or infinity.
        """
        x, y, where = np.asarray(x), None if y is None else np.asarray(y), "step 1"
        self.check_game(x, y, steps, batch_size, critic_steps)
        if generator_optimizer is discriminator_optimizer:
            raise ValueError("expected two optimizers, got the same one for both nets")
        history, self.stop_training, bar = History(), False, progress_bar(steps, verbose)
        both = {"generator_optimizer": generator_optimizer,
                "discriminator_optimizer": discriminator_optimizer}  # fmt: skip
        try:
            for callback in callbacks:
                callback.on_train_begin(self)
            for step in range(1, steps + 1):
                where, last = f"step {step}", critic_steps - 1
                for k in range(critic_steps):
                    i = rng.integers(len(x), size=batch_size)
                    labels = None if y is None else y[i]
                    if k < last:  # the last comes with the generator's step
                        noise = self.noise(batch_size, rng)
                        self.discriminator_step(x[i], noise, discriminator_optimizer, labels, where)
                logs = self.train_step(x[i], rng, **both, labels=labels, where=where)
                history.add(logs)
                history.iterations = step
                bar.update()
                for callback in callbacks:
                    callback.on_batch_end(self, step, logs)
                if self.stop_training:
                    break
        except KeyboardInterrupt:
            history.interrupted = True
            print(f"interrupted in {where}: the weights and the history so far are kept")
        finally:
            bar.close()
            for callback in callbacks:
                callback.on_train_end(self)
        return history

    def check_game(self, x, y, *counts):
        """ValueError unless there are samples and steps, and labels if these are asked for."""
        if min(len(x), *counts) < 1:
            got = ", ".join(map(str, (len(x), *counts)))
            raise ValueError(f"expected samples, steps, batch_size, critic_steps >= 1, got {got}")
        wanted = len(x) if self.classes else 0
        if (0 if y is None else len(y)) != wanted:
            came = "none" if y is None else len(y)
            raise ValueError(f"expected {wanted} labels for {len(x)} samples, got {came}")

    def __repr__(self):
        return f"{type(self).__name__}({self.generator!r}, {self.discriminator!r}, {self.loss!r})"
