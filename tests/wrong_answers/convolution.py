"""Wrong answers to the exercises on convolution: question -> [(part of the message, code)]."""


def _positions(count, reach="dilation_rate * (kernel_size - 1) + 1"):
    return f"""
def positions(size, kernel_size, zeros, strides, dilation_rate):
    reach = {reach}
    return {count}
"""


FITS = "(size + 2 * zeros - reach) // strides + 1"


def _correlate(
    pixel="(patch * kernel).sum()",
    *,
    patch="image[r : r + rows, c : c + columns]",
    before="",
    positions="(height - rows + 1, width - columns + 1)",
    result="result",
):
    return f"""
def correlate(image, kernel):
    {before or "pass"}
    rows, columns = kernel.shape
    height, width = image.shape
    result = np.zeros({positions})
    for r, c in np.ndindex(result.shape):
        patch = {patch}
        result[r, c] = {pixel}
    return {result}
"""


def _scipy(mode):
    return f"""
from scipy.signal import correlate2d
correlate = lambda image, kernel: correlate2d(image, kernel, "{mode}")
"""


SOBEL = "np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])"
CROSS = "np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]])"
CENTER = "np.array([[0, 0, 0], [0, 1, 0], [0, 0, 0]])"


def _stack(
    *,
    start="1",
    reach="reach + (kernel_size - 1) * jump",
    jump="jump * strides",
    parameters="parameters + weights + filters",
    weights="kernel_size**2 * channels * filters",
    flops="flops + 2 * weights * positions**2",
    positions="(size - kernel_size) // strides + 1",
    size="positions",
    channels="filters",
    jump_first=False,
    result="reach, parameters, flops",
):
    early, late = (f"jump = {jump}", "pass") if jump_first else ("pass", f"jump = {jump}")
    return f"""
def stack_cost(layers, size, channels):
    reach, jump, parameters, flops, image_size = {start}, 1, 0, 0, size
    for kernel_size, strides, filters in layers:
        {early}
        reach = {reach}
        {late}
        positions = {positions}
        weights = {weights}
        parameters = {parameters}
        flops = {flops}
        size = {size}
        channels = {channels}
    return {result}
"""


def _forward(
    result="np.einsum('nrckij,ijkf->nrcf', view, kernel) + bias",
    strided="view[:, ::strides, ::strides]",
    x="x",
):
    return f"""
def conv_forward(x, kernel, bias, strides):
    window = kernel.shape[:2]
    view = np.lib.stride_tricks.sliding_window_view({x}, window, axis=(1, 2))
    view = {strided}
    return {result}
"""


FORWARD_LOOP = """
def conv_forward(x, kernel, bias, strides):
    rows, columns, _, filters = kernel.shape
    down = (x.shape[1] - rows) // strides + 1
    right = (x.shape[2] - columns) // strides + 1
    z = np.zeros((len(x), down, right, filters))
    for r in range(down):
        for c in range(right):
            patch = x[:, r * strides : r * strides + rows, c * strides : c * strides + columns]
            z[:, r, c] = np.tensordot(patch, kernel, 3) + bias
    return z
"""


def _backward(
    *,
    weight="np.einsum('nrck,nrcf->kf', part, grad)",
    bias="grad.sum(axis=(0, 1, 2))",
    d_x="d_x",
    add="+=",
    back="grad @ kernel[i, j].T",
    result="d_kernel, d_bias, d_x",
    tap="i, j",
):
    return f"""
def conv_backward(x, kernel, grad):
    d_kernel, d_x = np.zeros_like(kernel), np.zeros_like(x)
    rows, columns = kernel.shape[:2]
    down, right = grad.shape[1:3]
    many = down * right
    for i, j in np.ndindex(rows, columns):
        part = x[:, i : i + down, j : j + right]
        d_kernel[{tap}] = {weight}
        d_x[:, i : i + down, j : j + right] {add} {back}
    d_bias = {bias}
    d_x = {d_x}
    return {result}
"""


SLIDE = """
def slide(a, kernel):
    view = np.lib.stride_tricks.sliding_window_view(a, kernel.shape[:2], axis=(1, 2))
    return np.einsum("nrcfij,ijkf->nrck", view, kernel)
"""


def _slid(grad, kernel):
    """d_x as one correlation of grad."""
    return SLIDE + _backward(d_x=f"slide({grad}, {kernel})")


FULL = "np.pad(grad, [(0, 0), (rows - 1, rows - 1), (columns - 1, columns - 1), (0, 0)])"


def _pool(won, add="+=", value="grad[n, r, c, k]"):
    return f"""
def max_pool_backward(x, grad, pool_size, strides):
    d_x = np.zeros(x.shape)
    for n, r, c, k in np.ndindex(grad.shape):
        rows = slice(r * strides, r * strides + pool_size)
        columns = slice(c * strides, c * strides + pool_size)
        patch = x[n, rows, columns, k]
        first = np.zeros(patch.shape)
        first.flat[patch.argmax()] = 1
        ties = patch == patch.max()
        d_x[n, rows, columns, k] {add} ({won}) * {value}
    return d_x
"""


def _pool_at(place, add="+="):
    return f"""
def max_pool_backward(x, grad, pool_size, strides):
    d_x = np.zeros(x.shape)
    for n, r, c, k in np.ndindex(grad.shape):
        rows = slice(r * strides, r * strides + pool_size)
        columns = slice(c * strides, c * strides + pool_size)
        patch = x[n, rows, columns, k]
        i, j = {place}
        d_x[n, r * strides + i, c * strides + j, k] {add} grad[n, r, c, k]
    return d_x
"""


def _shift(body):
    return f"""
def shift(x, pixels):
    moved = np.zeros_like(x)
    {body}
    return moved
"""


def _error(
    result="np.linalg.norm(difference) / np.linalg.norm(before)",
    after="net.forward(shift(x, pixels))",
    moved="shift(before, pixels // jump)",
):
    return f"""
def shift_error(net, x, pixels, jump):
    after, before = {after}, net.forward(x)
    difference = after - {moved}
    return {result}
"""


def _errors(name, kind, mean="np.mean(errors, axis=0)", seeds="range(5)", shifts="1, 2, 3, 4",
            jump=4):  # fmt: skip
    return f"""
nets = [build("{kind}", seed) for seed in {seeds}]
errors = [[shift_error(net, images, p, {jump}) for p in ({shifts})] for net in nets]
{name} = {mean}
"""


WRONG = {
    "q1": [
        (
            "not by the strides plus 1",
            _positions("(size + 2 * zeros - reach) // (strides + 1)"),
        ),
        (
            "and the quotient is rounded down",
            _positions("(size + 2 * zeros - reach) / (strides + 1)"),
        ),
        ("The first position is missing", _positions("(size + 2 * zeros - reach) // strides")),
        (
            "The 1 comes after the division",
            _positions("(size + 2 * zeros - reach + 1) // strides"),
        ),
        (
            "round down, not up",
            _positions("int(np.ceil((size + 2 * zeros - reach) / strides)) + 1"),
        ),
        ("no halves of positions", _positions("(size + 2 * zeros - reach) / strides + 1")),
        (
            "Rounding to the nearest",
            _positions("round((size + 2 * zeros - reach) / strides) + 1"),
        ),
        ("count them twice", _positions("(size + zeros - reach) // strides + 1")),
        ("The zeros are missing", _positions("(size - reach) // strides + 1")),
        (
            "the window is what you subtract",
            _positions("(size - 2 * zeros - reach) // strides + 1"),
        ),
        ("The dilation is missing", _positions(FITS, "kernel_size")),
        ("k taps lie k - 1 gaps", _positions(FITS, "dilation_rate * kernel_size")),
        ("counts both its ends", _positions(FITS, "dilation_rate * (kernel_size - 1)")),
        ("The strides are missing", _positions("size + 2 * zeros - reach + 1")),
        ("'same' padding", _positions("-(-size // strides)")),
        ("You returned the reach", _positions("reach")),
        (", but it should be", _positions("size // 2")),
        (
            "is still blank",
            "positions = lambda size, kernel_size, zeros, strides, dilation_rate: ...",
        ),
        ("must take (size,", "positions = lambda W, m, P, S, D: 1"),
    ],
    "q2": [
        ("This is true convolution", _correlate("(patch * kernel[::-1, ::-1]).sum()")),
        ("upside down", _correlate("(patch * kernel[::-1]).sum()")),
        ("left to right", _correlate("(patch * kernel[:, ::-1]).sum()")),
        ("Your kernel is transposed", _correlate(before="kernel = kernel.T")),
        ("Your result is transposed", _correlate(result="result.T")),
        ("You took the mean", _correlate("(patch * kernel).mean()")),
        ("The weights are missing", _correlate("patch.sum()")),
        ("You added pixels and weights", _correlate("(patch + kernel).sum()")),
        ("divided by the sum of the weights", _correlate("(patch * kernel).sum() / kernel.sum()")),
        ("the largest product", _correlate("(patch * kernel).max()")),
        (
            "The shape of your result is too small",
            _correlate(positions="(height - rows, width - columns)"),
        ),
        (
            "that of the image, with zeros",
            _correlate(
                "0 if patch.shape != kernel.shape else (patch * kernel).sum()",
                positions="(height, width)",
            ),
        ),
        ("that of 'same' padding", _scipy("same")),
        ("that of 'full' padding", _scipy("full")),
        ("those at the upper left corner", _correlate(patch="image[:rows, :columns]")),
        (
            "the kernel was changed in place",
            _correlate(before="kernel *= 2"),
        ),
        ("an axis too many", "correlate = lambda image, kernel: image[..., None, None] * kernel"),
    ],
    "q3": [
        ("nine times as bright", "blur = np.ones((3, 3))"),
        ("nine weights in blur, not three", "blur = np.ones((3, 3)) / 3"),
        ("the middle pixel counts, too", "blur = np.ones((3, 3)) / 8"),
        ("weighs as much as the others", f"blur = (1 - {CENTER}) / 8"),
        ("those of a bell", "blur = np.outer([1, 2, 1], [1, 2, 1]) / 16"),
        ("passes the image on", f"blur = {CENTER}"),
        ("blur has the shape", "blur = np.ones((1, 9)) / 9"),
        ("blur is still blank", "blur = ..."),
        ("positive where the image falls", f"slope_right = -{SOBEL} / 8"),
        ("answers the ramp down: transpose it", f"slope_right = {SOBEL}.T / 8"),
        ("wrong size or sign", f"slope_right = -{SOBEL}.T / 8"),
        ("as it is often printed", f"slope_right = {SOBEL}"),
        ("is 2 on the ramp", f"slope_right = {SOBEL} / 4"),
        ("weighs the three rows alike", "slope_right = np.outer([1, 1, 1], [-1, 0, 1]) / 6"),
        ("the middle row alone", "slope_right = [[0, 0, 0], [-0.5, 0, 0.5], [0, 0, 0]]"),
        ("answers 6 on the ramp", "slope_right = np.outer([1, 1, 1], [-1, 0, 1])"),
        ("what slope_right answers", f"slope_right = {SOBEL} + 1"),
        ("The sign of laplacian", f"laplacian = 4 * {CENTER} - {CROSS}"),
        ("sum to 8", f"laplacian = {CROSS} + 4 * {CENTER}"),
        ("The middle of laplacian is missing", f"laplacian = {CROSS}"),
        ("The corners of laplacian", f"laplacian = 1 - 9 * {CENTER}"),
        ("belongs to eight neighbors", f"laplacian = {CROSS} - 8 * {CENTER}"),
        ("This sharpens", f"laplacian = 5 * {CENTER} - {CROSS}"),
        ("the mean of four neighbors", f"laplacian = {CROSS} / 4 - {CENTER}"),
        ("sees the columns only", "laplacian = [[0, 0, 0], [1, -2, 1], [0, 0, 0]]"),
        ("sees the rows only", "laplacian = [[0, 1, 0], [0, -2, 0], [0, 1, 0]]"),
        (
            "which constant factor",
            f"laplacian = ({CROSS} - 4 * {CENTER}) / 2",
        ),
    ],
    "q4": [
        (
            "The strides are missing in the receptive field",
            _stack(reach="reach + kernel_size - 1"),
        ),
        ("adds nothing to the receptive field", _stack(reach="reach + kernel_size * jump")),
        ("A layer's own strides", _stack(jump_first=True)),
        ("The jump is the product of all strides", _stack(jump="strides")),
        ("start the receptive field at 1", _stack(start="0")),
        ("Kernel sizes do not multiply", _stack(reach="reach * kernel_size")),
        ("You added the kernel sizes", _stack(start="0", reach="reach + kernel_size")),
        ("This is the last layer's kernel", _stack(reach="kernel_size")),
        ("This is the jump", _stack(result="jump, parameters, flops")),
        ("instead of starting anew", _stack(reach="1 + (kernel_size - 1) * jump")),
        ("The biases are missing", _stack(parameters="parameters + weights")),
        ("not one in all", _stack(parameters="parameters + weights + 1")),
        (
            "not one for each channel",
            _stack(parameters="parameters + weights + filters * channels"),
        ),
        ("A filter sees all channels", _stack(weights="kernel_size**2 * filters")),
        ("not those of the image", _stack(channels="channels")),
        ("square it", _stack(weights="kernel_size * channels * filters")),
        (
            "shared by all positions",
            _stack(parameters="parameters + (weights + filters) * positions**2"),
        ),
        (
            "The filters are missing",
            _stack(parameters="parameters + kernel_size**2 * channels + 1"),
        ),
        ("the parameters of the last layer", _stack(parameters="weights + filters")),
        ("multiplications alone", _stack(flops="flops + weights * positions**2")),
        ("Count the positions of the output", _stack(flops="flops + 2 * weights * size**2")),
        (
            "The maps shrink",
            _stack(flops="flops + 2 * weights * image_size**2"),
        ),
        ("square the size for the FLOPs", _stack(flops="flops + 2 * weights * positions")),
        (
            "The channels are missing in the FLOPs",
            _stack(flops="flops + 2 * kernel_size**2 * filters * positions**2"),
        ),
        (
            "left out of the FLOPs by agreement.",
            _stack(flops="flops + 2 * (weights + filters) * positions**2"),
        ),
        (
            "also as single additions",
            _stack(flops="flops + (2 * weights + filters) * positions**2"),
        ),
        ("The positions are missing", _stack(flops="flops + 2 * weights")),
        ("the FLOPs of the last layer", _stack(flops="2 * weights * positions**2")),
        ("The first position is missing", _stack(positions="(size - kernel_size) // strides")),
        ("no halves of positions", _stack(positions="(size - kernel_size) / strides + 1")),
        ("The layers are not padded", _stack(positions="-(-size // strides)")),
        ("do not shrink your maps", _stack(positions="size - kernel_size + 1")),
        ("The number of FLOPs for the layers", _stack(result="reach, parameters, flops + 2")),
        ("must return three numbers", _stack(result="reach")),
    ],
    "q5": [
        ("The bias is missing", _forward("np.einsum('nrckij,ijkf->nrcf', view, kernel)")),
        (
            "The bias has the wrong sign",
            _forward("np.einsum('nrckij,ijkf->nrcf', view, kernel) - bias"),
        ),
        (
            "You added the bias at each weight",
            _forward("(view[..., None] * kernel.transpose(2, 0, 1, 3) + bias).sum(axis=(3, 4, 5))"),
        ),
        (
            "This is true convolution",
            _forward("np.einsum('nrckij,ijkf->nrcf', view, kernel[::-1, ::-1]) + bias"),
        ),
        (
            "the window are swapped",
            _forward("np.einsum('nrckij,jikf->nrcf', view, kernel) + bias"),
        ),
        (
            "transpose the view before you reshape",
            _forward(
                "view.reshape(*view.shape[:3], -1) @ kernel.reshape(-1, kernel.shape[-1]) + bias"
            ),
        ),
        ("The shape shows strides of 1", _forward(strided="view")),
        ("strides in the height alone", _forward(strided="view[:, ::strides]")),
        ("strides in the width alone", _forward(strided="view[:, :, ::strides]")),
        (
            "You saw the first channel only",
            _forward("np.einsum('nrcij,ijf->nrcf', view[:, :, :, 0], kernel[:, :, 0]) + bias"),
        ),
        (
            "the mean over the channels",
            _forward("np.einsum('nrckij,ijkf->nrcf', view, kernel) / x.shape[-1] + bias"),
        ),
        (
            "the mean over the window and the channels",
            _forward("np.einsum('nrckij,ijkf->nrcf', view, kernel) / kernel[..., 0].size + bias"),
        ),
        (
            "the filters come second",
            _forward("np.einsum('nrckij,ijkf->nfrc', view, kernel) + bias[:, None, None]"),
        ),
        (
            "The windows are those of strides 1",
            _forward(
                strided="view[:, : (view.shape[1] - 1) // strides + 1,"
                " : (view.shape[2] - 1) // strides + 1]"
            ),
        ),
        ("one step too far", _forward(strided="view[:, 1::strides, 1::strides]")),
        ("cut out each window in a loop", FORWARD_LOOP),
        (
            "must be a NumPy array",
            _forward() + "\n_right = conv_forward\nconv_forward = "
            "lambda x, kernel, bias, strides: _right(x, kernel, bias, strides).tolist()",
        ),
    ],
    "q6": [
        (
            "d_kernel is divided by N:",
            _backward(weight="np.einsum('nrck,nrcf->kf', part, grad) / len(x)"),
        ),
        (
            "d_kernel is divided by the number of positions",
            _backward(weight="np.einsum('nrck,nrcf->kf', part, grad) / many"),
        ),
        (
            "d_kernel is divided by N times",
            _backward(weight="np.einsum('nrck,nrcf->kf', part, grad) / many / len(x)"),
        ),
        ("d_kernel is flipped", _backward(tap="rows - 1 - i, columns - 1 - j")),
        (
            "In d_kernel the channels of x",
            _backward(result="d_kernel.transpose(0, 1, 3, 2), d_bias, d_x"),
        ),
        (
            "In d_kernel rows and columns",
            _backward(result="d_kernel.transpose(1, 0, 2, 3), d_bias, d_x"),
        ),
        (
            "from the first position alone",
            _backward(weight="np.einsum('nk,nf->kf', part[:, 0, 0], grad[:, 0, 0])"),
        ),
        (
            "from the first image alone",
            _backward(weight="np.einsum('rck,rcf->kf', part[0], grad[0])"),
        ),
        (
            "must not contain the kernel",
            _backward(weight="np.einsum('nrck,nrcf->kf', part, grad) * kernel[i, j]"),
        ),
        ("d_kernel leaves out x", _backward(weight="grad.sum(axis=(0, 1, 2))")),
        ("d_bias is divided by N:", _backward(bias="grad.sum(axis=(1, 2)).mean(axis=0)")),
        (
            "d_bias is divided by the number of positions",
            _backward(bias="grad.mean(axis=(1, 2)).sum(axis=0)"),
        ),
        ("d_bias is divided by N times", _backward(bias="grad.mean(axis=(0, 1, 2))")),
        ("a row for each image", _backward(bias="grad.sum(axis=(1, 2))")),
        ("d_bias still has positions", _backward(bias="grad.sum(axis=0)")),
        ("d_bias is one number", _backward(bias="grad.sum()")),
        ("d_x slides the kernel as it is", _slid(FULL, "kernel")),
        ("flipped upside down only", _slid(FULL, "kernel[::-1]")),
        ("flipped left to right only", _slid(FULL, "kernel[:, ::-1]")),
        ("fits only because C equals F", _backward(back="grad @ kernel[i, j]")),
        ("later taps overwrite", _backward(add="=")),
        ("d_x is divided by N", _backward(d_x="d_x / len(x)")),
        ("d_x is divided by the number of taps", _backward(d_x="d_x / rows / columns")),
        ("The shape of d_x is too small", _slid("grad", "kernel[::-1, ::-1]")),
        ("d_x leaves out the kernel", _backward(back="grad.sum(axis=-1, keepdims=True)")),
        (
            "rows and columns of the kernel swapped",
            _slid(FULL, "kernel[::-1, ::-1].transpose(1, 0, 2, 3)"),
        ),
        ("must return three things", _backward(result="d_x")),
    ],
    "q7": [
        ("These are both planted bugs", _pool("ties", add="=")),
        ("more comes out than went in", _pool("ties")),
        ("Ties are mended", _pool("first", add="=")),
        ("keeps the last gradient alone", _pool_at("divmod(patch.argmax(), pool_size)", add="=")),
        ("You share the gradient among the equally large: the first", _pool("ties / ties.sum()")),
        ("and a window overwrites", _pool("ties / ties.sum()", add="=")),
        (
            "you chose the last",
            _pool_at("divmod(pool_size**2 - 1 - patch[::-1, ::-1].argmax(), pool_size)"),
        ),
        ("to the smallest value", _pool_at("divmod(patch.argmin(), pool_size)")),
        ("Row and column of the winner", _pool_at("divmod(patch.argmax(), pool_size)[::-1]")),
        ("way back of average pooling", _pool("1 / pool_size**2")),
        ("to every pixel of the window", _pool("1")),
        ("to the first pixel of each window", _pool_at("(0, 0)")),
        ("without their sign", _pool_at("divmod(np.abs(patch).argmax(), pool_size)")),
        ("row by row", _pool_at("divmod(patch.T.argmax(), pool_size)[::-1]")),
        ("by the winning value", _pool("first * patch.max()")),
        ("The chain rule is missing", _pool("first", value="1")),
        (
            "max_pool_backward's result has the shape",
            _pool("first") + "\n_right = max_pool_backward\n"
            "max_pool_backward = lambda x, grad, pool_size, strides: "
            "_right(x, grad, pool_size, strides)[:, :-1, :-1]",
        ),
    ],
    "q8": [
        ("np.roll wraps around", "shift = lambda x, pixels: np.roll(x, pixels, axis=2)"),
        (
            "move to the left",
            _shift("moved[:, :, : x.shape[2] - pixels] = x[:, :, pixels:]"),
        ),
        ("Your images move down", _shift("moved[:, pixels:] = x[:, : x.shape[1] - pixels]")),
        ("moves one image onto the next", _shift("moved[pixels:] = x[: len(x) - pixels]")),
        (
            "moves the channels",
            _shift("moved[..., pixels:] = x[..., : x.shape[3] - pixels]"),
        ),
        ("stay where they are", _shift("moved[...] = x")),
        ("You moved by one pixel", _shift("moved[:, :, 1:] = x[:, :, :-1]")),
        (
            "The shape must stay",
            _shift("moved = np.concatenate([0 * x[:, :, :pixels], x], axis=2)"),
        ),
        (
            "The first column is repeated",
            _shift("moved[...] = x[:, :, np.maximum(np.arange(x.shape[2]) - pixels, 0)]"),
        ),
        ("A shift of 0 must leave", _shift("moved[:, :, pixels:] = x[:, :, :-pixels]")),
        ("Divide by the norm of the output for", _error("np.linalg.norm(difference)")),
        ("These are squares", _error("np.sum(difference**2) / np.sum(before**2)")),
        ("The output stays in its place", _error(moved="before")),
        ("lives on a coarser grid", _error(moved="shift(before, pixels)")),
        ("before they enter the net", _error(after="net.forward(x)")),
        (
            "not the images once more",
            _error(moved="net.forward(shift(x, pixels // jump))"),
        ),
        (
            "not by that of the images",
            _error("np.linalg.norm(difference) / np.linalg.norm(x)"),
        ),
        (
            "This is a mean of absolute differences",
            _error("np.abs(difference).mean() / np.abs(before).mean()"),
        ),
        (
            "This is a sum of absolute differences",
            _error("np.abs(difference).sum() / np.linalg.norm(before)"),
        ),
        ("This is a plain sum", _error("difference.sum() / np.linalg.norm(before)")),
        (
            "This is the largest difference",
            _error("np.abs(difference).max() / np.abs(before).max()"),
        ),
        ("Round pixels / jump down", _error(moved="shift(before, -(-pixels // jump))")),
        (
            "take the norm of the difference",
            _error("(np.linalg.norm(after) - np.linalg.norm(before)) / np.linalg.norm(before)"),
        ),
        (
            "not by the pixels",
            _error(after="net.forward(shift(x, pixels // jump))"),
        ),
        ("errors_strided is still blank", "errors_strided = ..."),
        ("errors_pooled is still blank", "errors_pooled = ..."),
        ("the other kind of net", _errors("errors_strided", "pooled")),
        ("the other kind of net", _errors("errors_pooled", "strided")),
        ("from the seed 0 alone", _errors("errors_pooled", "pooled", seeds="[0]")),
        ("begins with a shift of 0", _errors("errors_strided", "strided", shifts="0, 1, 2, 3")),
        ("in the order 4, 3, 2, 1", _errors("errors_strided", "strided", shifts="4, 3, 2, 1")),
        ("holds sums over five nets", _errors("errors_pooled", "pooled", "np.sum(errors, axis=0)")),
        ("counts one halving", _errors("errors_pooled", "pooled", jump=2)),
        ("uses the jump 1", _errors("errors_strided", "strided", jump=1)),
        ("take the mean over the five nets", _errors("errors_pooled", "pooled", "errors")),
        (
            "errors_pooled at index",
            "_build = build\n"
            "build = lambda kind, seed: Sequential(_build(kind, seed).layers[:-1])\n"
            + _errors("errors_pooled", "pooled", jump=2),
        ),
        ("errors_pooled at index (3,)", "errors_pooled = [*errors_pooled[:3], 0.1]"),
    ],
}
