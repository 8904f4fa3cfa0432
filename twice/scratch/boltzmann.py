"""The restricted Boltzmann machine, and a stack of them trained layer by layer.

p(v, h) = exp(-E(v, h)) / Z,   E(v, h) = -v.b - h.c - v W h

v and h hold zeros and ones. Given one layer, the other's units are independent of each other:
p(h_j = 1 | v) = sigmoid(c_j + v W_j), and likewise for v.
"""

from itertools import pairwise

import numpy as np

from twice.scratch.autoencoders import Autoencoder
from twice.scratch.backpropagation import Activation, Dense, Model, Sequential
from twice.scratch.losses import logsumexp
from twice.scratch.perceptron import MeanSquaredError, sigmoid


def states(n):
    """All 2^n vectors of n zeros and ones, (2^n, n); ValueError for n > 20."""
    if not 1 <= n <= 20:
        raise ValueError(f"expected 1 to 20 units to sum over all their states, got {n}")
    return (np.arange(2**n)[:, None] >> np.arange(n) & 1).astype(np.float64)


class RBM(Model):
    """n_visible and n_hidden units of 0 or 1, each visible one joined to each hidden one.

    `params`: kernel W (n_visible, n_hidden), visible_bias b, hidden_bias c. W starts
    normal with `stddev`, b and c at 0. Inputs from 0 to 1 count as probabilities.
    Raises ValueError for sizes below 1, other shapes. Smolensky (1986), Hinton (2002).
    """

    def __init__(self, n_visible, n_hidden, *, rng, stddev=0.01, dtype=np.float32):
        if min(n_visible, n_hidden) < 1:
            raise ValueError(f"expected sizes >= 1, got {n_visible} and {n_hidden}")
        self.rng, self.layers, self.k, self.persistent, self.chain = rng, [], 1, False, None
        self.params = {
            "kernel": rng.normal(0, stddev, (n_visible, n_hidden)).astype(dtype),
            "visible_bias": np.zeros(n_visible, dtype),
            "hidden_bias": np.zeros(n_hidden, dtype),
        }
        self.grads = {name: np.zeros_like(p) for name, p in self.params.items()}

    def check(self, v):
        """v (N, n_visible) in the parameters' dtype."""
        v = np.asarray(v, self.params["kernel"].dtype)
        if v.ndim != 2 or v.shape[1] != len(self.params["kernel"]) or len(v) == 0:
            raise ValueError(f"expected v (N, {len(self.params['kernel'])}), got {v.shape}")
        return v

    def energy(self, v, h):
        """E of each pair, (N,), for v (N, n_visible) and h (N, n_hidden)."""
        v, p = self.check(v), self.params
        return -v @ p["visible_bias"] - h @ p["hidden_bias"] - (v @ p["kernel"] * h).sum(axis=1)

    def free_energy(self, v):
        """F(v) = -ln sum_h exp(-E(v, h)) = -v.b - sum_j ln(1 + exp(c_j + v W_j)), (N,)."""
        v, p = self.check(v), self.params
        inner = np.logaddexp(0, v @ p["kernel"] + p["hidden_bias"])
        return -v @ p["visible_bias"] - inner.sum(axis=1)

    def hidden(self, v):
        """p(h_j = 1 | v), (N, n_hidden)."""
        return sigmoid(self.check(v) @ self.params["kernel"] + self.params["hidden_bias"])

    def visible(self, h):
        """p(v_i = 1 | h), (N, n_visible)."""
        return sigmoid(h @ self.params["kernel"].T + self.params["visible_bias"])

    def draw(self, p):
        """Zeros and ones with these probabilities."""
        return (self.rng.random(p.shape) < p).astype(p.dtype)

    def gibbs(self, v, steps=1):
        """v after `steps` rounds: draw h given v, then v given h."""
        v = self.check(v)
        for _ in range(steps):
            v = self.draw(self.visible(self.draw(self.hidden(v))))
        return v

    def statistics(self, v, h=None, share=None):
        """Means of v h, of v and of h over the rows, named as `params`; h is p(h | v) if None."""
        v = self.check(v) if h is None else v
        h = self.hidden(v) if h is None else h
        share = np.full(len(v), 1 / len(v), v.dtype) if share is None else share
        return {"kernel": v.T * share @ h, "visible_bias": share @ v, "hidden_bias": share @ h}

    def cd(self, v, k=1, *, start=None):
        """Contrastive divergence: an estimate of d(-ln p(v)) / d params, for a descent.

            <v h> where the chain is after k rounds - <v h> at the data
        The exact gradient has the model's own mean in the first place: k rounds are too
        few to get there, and often enough. start: where the chain begins, None at the data;
        at the last `chain`, it is persistent (Tieleman, 2008). ValueError for k < 1.
        """
        if k < 1:
            raise ValueError(f"expected k >= 1, got {k}")
        self.chain = self.gibbs(v if start is None else start, k)
        model = self.statistics(self.chain)
        return {name: model[name] - g for name, g in self.statistics(v).items()}

    def everything(self):
        """All states of the smaller layer, the other's means, and -F of each: v, h, -F."""
        w, b, c = (p.astype(np.float64) for p in self.params.values())
        if len(b) <= len(c):
            v = states(len(b))
            z = v @ w + c
            return v, sigmoid(z), v @ b + np.logaddexp(0, z).sum(axis=1)
        h = states(len(c))
        z = h @ w.T + b
        return sigmoid(z), h, h @ c + np.logaddexp(0, z).sum(axis=1)

    def log_partition(self):
        """ln Z, by summing over all states of the smaller layer: at most 20 units."""
        return float(logsumexp(self.everything()[2])[0])

    def log_likelihood(self, v):
        """ln p(v) = -F(v) - ln Z of each row, (N,)."""
        return -self.free_energy(v) - self.log_partition()

    def exact_gradient(self, v):
        """d(-mean ln p(v)) / d params without drawing: what `cd` comes to as k grows."""
        all_v, all_h, log_weights = self.everything()
        model = self.statistics(all_v, all_h, np.exp(log_weights - logsumexp(log_weights)))
        return {name: model[name] - g for name, g in self.statistics(v).items()}

    def forward(self, x, training=False):
        """One round without draws, p(v | p(h | x)): what x comes back as."""
        self.x = self.check(x)
        return self.visible(self.hidden(self.x))

    def backward(self, grad, input_gradient=True):
        """Fill `grads` by `cd` at the last x. `grad` is not used: see `fit`."""
        self.grads = self.cd(self.x, self.k, start=self.chain if self.persistent else None)

    def fit(self, x, *, optimizer, k=1, persistent=False, **settings):
        """Train on x (N, n_visible), 0 to 1, by CD-k, or with a chain that goes on.

        The loop is `twice.scratch.training.fit`. Its loss is the squared error of `forward`, a
        sign of life: `cd` is the gradient of no loss. ValueError for x outside 0 ... 1, k < 1.
        """
        x, self.k, self.persistent, self.chain = self.check(x), k, persistent, None
        if not (x.min() >= 0 and x.max() <= 1) or k < 1:
            raise ValueError(f"expected x in 0 ... 1, k >= 1, got {x.min():g} ... {x.max():g}, {k}")
        return super().fit(x, x, loss=MeanSquaredError(), optimizer=optimizer, **settings)


class DeepBelief:
    """A stack of RBMs, each trained on what the one below makes of the data.

    sizes: n_visible, then the hidden units of each, such as [64, 100, 30]. The settings are
    those of `RBM`. Raises ValueError for fewer than two sizes. Hinton, Osindero and Teh (2006).
    """

    def __init__(self, sizes, *, rng, **settings):
        if len(sizes) < 2:
            raise ValueError(f"expected at least two sizes, got {list(sizes)}")
        self.rbms = [RBM(a, b, rng=rng, **settings) for a, b in pairwise(sizes)]

    def pretrain(self, x, *, make_optimizer, **settings):
        """Train the RBMs from below, each with a fresh make_optimizer(); their Histories."""
        histories = []
        for rbm in self.rbms:
            histories.append(rbm.fit(x, optimizer=make_optimizer(), **settings))
            x = rbm.hidden(x)
        return histories

    def transform(self, x):
        """The probabilities of the top layer's units, (N, sizes[-1])."""
        for rbm in self.rbms:
            x = rbm.hidden(x)
        return x

    def sample(self, n, *, steps=1000):
        """n draws: Gibbs rounds in the top RBM, then down; probabilities (N, n_visible)."""
        top = self.rbms[-1]
        half = np.full((n, len(top.params["kernel"])), 0.5, top.params["kernel"].dtype)
        v = top.visible(top.draw(top.hidden(top.gibbs(top.draw(half), max(steps - 1, 0)))))
        for rbm in reversed(self.rbms[:-1]):
            v = rbm.visible(rbm.draw(v))
        return v

    def to_model(self, head=()):
        """Dense and sigmoid for each RBM, with copies of its weights, then the layers of `head`."""
        return Sequential([*(part for rbm in self.rbms for part in dense(rbm, up=True)), *head])

    def to_autoencoder(self):
        """`to_model`, then the way down, kernels transposed. Hinton and Salakhutdinov (2006)."""
        down = [part for rbm in reversed(self.rbms) for part in dense(rbm, up=False)]
        return Autoencoder(self.to_model(), down)


def dense(rbm, *, up):
    """[Dense, sigmoid] that compute rbm.hidden(v), or rbm.visible(h), from copies."""
    w = rbm.params["kernel"] if up else rbm.params["kernel"].T
    layer = Dense(*w.shape, rng=None, initializer=lambda *_: w, dtype=w.dtype)
    layer.params["bias"][...] = rbm.params["hidden_bias" if up else "visible_bias"]
    return [layer, Activation("sigmoid")]
