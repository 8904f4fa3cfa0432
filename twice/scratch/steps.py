"""What a recurrent layer needs before it takes a step: time first, masks, states, dropout."""

import numpy as np

from twice.scratch.backpropagation import Layer
from twice.scratch.initializers import glorot_uniform, orthogonal


class Steps(Layer):
    """A recurrent layer's sizes, settings and parameters, and how its input is laid out.

    settings: return_sequences, go_backwards, stateful, dropout, recurrent_dropout, rng,
    initializer, recurrent_initializer, dtype.
    Raises ValueError for sizes below 1, rates outside [0, 1), and for x, mask or
    initial_state of another shape. kernel (n_in, blocks * units) and recurrent_kernel
    (units, blocks * units) are drawn as in Keras: Glorot and orthogonal.
    """

    blocks, states, takes_mask = 1, 1, True  # columns of the kernels in units; arrays of a state

    def __init__(
        self,
        n_in,
        units,
        *,
        return_sequences=False,
        go_backwards=False,
        stateful=False,
        dropout=0.0,
        recurrent_dropout=0.0,
        rng,
        initializer=glorot_uniform,
        recurrent_initializer=orthogonal,
        dtype=np.float32,
    ):
        super().__init__()
        if n_in < 1 or units < 1:
            raise ValueError(f"expected n_in, units >= 1, got {n_in} and {units}")
        if not (0 <= dropout < 1 and 0 <= recurrent_dropout < 1):
            raise ValueError(f"expected 0 <= rates < 1, got {dropout} and {recurrent_dropout}")
        self.n_in, self.units, self.rng = n_in, units, rng
        self.return_sequences, self.go_backwards = return_sequences, go_backwards
        self.stateful, self.dropout, self.recurrent_dropout = stateful, dropout, recurrent_dropout
        columns = self.blocks * units
        self.params["kernel"] = initializer((n_in, columns), rng).astype(dtype)
        self.params["recurrent_kernel"] = recurrent_initializer((units, columns), rng).astype(dtype)
        self.params["bias"] = self.first_bias().astype(dtype)
        self.grads = {name: np.zeros_like(p) for name, p in self.params.items()}
        self.reset_state()

    def first_bias(self):
        return np.zeros(self.blocks * self.units)

    def reset_state(self):
        """Let the next batch of a stateful layer begin from zeros."""
        self.state = None

    def input_bias(self):
        return self.params["bias"]

    @property
    def direction(self):
        return -1 if self.go_backwards else 1

    def by_time(self, x, mask):
        """x and mask with time first, reversed if the layer goes backwards; or a ValueError."""
        x = np.asarray(x, self.params["kernel"].dtype)
        if x.ndim != 3 or x.shape[2] != self.n_in or x.shape[1] < 1:
            raise ValueError(f"{self!r}: expected x (N, T, {self.n_in}), T >= 1, got {x.shape}")
        if mask is not None:
            mask = np.asarray(mask)
            if mask.shape != x.shape[:2] or mask.dtype != bool:
                kind = f"{mask.dtype} of shape {mask.shape}"
                raise ValueError(f"{self!r}: expected a bool mask {x.shape[:2]}, got {kind}")
            mask = mask.T[:: self.direction, :, None]
            self.any_yet = np.logical_or.accumulate(mask)
        return np.ascontiguousarray(x.transpose(1, 0, 2)[:: self.direction]), mask

    def start(self, initial_state):
        """The states (states, N, units) to begin from; or a ValueError."""
        wanted = (self.states, self.x.shape[1], self.units)
        if initial_state is None:
            initial_state = self.state if self.stateful else None
        if initial_state is None:
            return np.zeros(wanted, self.z.dtype)
        if np.shape(initial_state) != wanted:
            came = np.shape(initial_state)
            hint = ": call reset_state() when the batch size changes" if self.stateful else ""
            raise ValueError(f"{self!r}: expected a state {wanted}, got {came}{hint}")
        return np.asarray(initial_state, self.z.dtype)

    def seen(self, h, when):
        """h, but 0 where not one step has been taken yet, as in Keras (and so for gradients)."""
        return h if self.mask is None else h * self.any_yet[when]

    def drop(self, training):
        """Draw the masks of dropout, the same for every step (Gal and Ghahramani, 2016)."""
        self.input_mask = self.state_mask = None
        n, dtype = self.x.shape[1], self.x.dtype
        if training and self.dropout:
            keep = 1 - self.dropout
            self.input_mask = ((self.rng.random((n, self.n_in)) < keep) / keep).astype(dtype)
            self.x = self.x * self.input_mask
        if training and self.recurrent_dropout:
            keep = 1 - self.recurrent_dropout
            self.state_mask = ((self.rng.random((n, self.units)) < keep) / keep).astype(dtype)

    def dropped(self, h):
        """h as the recurrent product hears it: with dropout's mask, if there is one."""
        return h if self.state_mask is None else h * self.state_mask

    def heard(self):
        """All h_{t-1} as the recurrent product heard them, (T N, units)."""
        return self.dropped(self.s[0, :-1]).reshape(-1, self.units)

    def __repr__(self):
        return f"{type(self).__name__}({self.n_in}, {self.units})"
