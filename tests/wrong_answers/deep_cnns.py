"""Wrong answers to the exercises on deep networks: question -> [(part of the message, code)]."""


def _residual(line):
    return f"residual_backward = lambda grad, branch_backward: {line}"


def _cost(name, parameters, flops):
    return f"""
def {name}(height, width, n_in, filters, kernel_size):
    pixels, k = height * width, kernel_size
    full, each, mix = k * k * n_in * filters, k * k * n_in, n_in * filters
    return {parameters}, {flops}
"""


def _conv(parameters="full + filters", flops="2 * full * pixels"):
    return _cost("conv_cost", parameters, flops)


def _separable(parameters="each + mix + filters", flops="2 * (each + mix) * pixels"):
    return _cost("separable_cost", parameters, flops)


def _concatenate(
    pieces="np.split(grad, np.cumsum(channels)[:-1], axis=-1)",
    merge="sum(parts)",
):
    return f"""
def concatenate_backward(grad, channels, backwards):
    ends = np.cumsum(channels)
    starts = ends - channels
    pieces = {pieces}
    parts = [backward(piece) for backward, piece in zip(backwards, pieces)]
    return {merge}
"""


def _highway(line):
    return f"""
def highway(x, h, s):
    t = sigmoid(s)
    return {line}
"""


def _highway_backward(
    d_x="grad * (1 - t)", d_h="grad * t", d_s="grad * (h - x) * t * (1 - t)", result="d_x, d_h, d_s"
):
    return f"""
def highway_backward(x, h, s, grad):
    t = sigmoid(s)
    d_x, d_h, d_s = {d_x}, {d_h}, {d_s}
    return {result}
"""


def _class_map(line):
    return f"class_map = lambda features, kernel, k: {line}"


def _grad_cam(
    weights="d_features.mean(axis=(1, 2), keepdims=True)",
    result="np.maximum((w * features).sum(axis=-1), 0)",
):
    return f"""
def grad_cam(features, d_features):
    w = {weights}
    return {result}
"""


def _occlusion(
    *,
    start="",
    copy="covered = image.copy()",
    cover="covered[r : r + size, c : c + size] = fill",
    drop="whole - score(covered[None])[0]",
    rows="image.shape[0] - size + 1",
    columns="image.shape[1] - size + 1",
    result="drop",
):
    return f"""
def occlusion_map(score, image, size, fill):
    {start}
    rows, columns = {rows}, {columns}
    whole, drop = score(image[None])[0], np.zeros((rows, columns))
    for r in range(rows):
        for c in range(columns):
            {copy}
            {cover}
            drop[r, c] = {drop}
    return {result}
"""


def _block(
    result="np.maximum(shortcut + z, 0)",
    *,
    identity="x",
    projected="convolve(x, projection, strides)",
    a="np.maximum(convolve(x, first, strides), 0)",
    z="convolve(a, second)",
):
    return f"""
def residual_block(x, first, second, projection, strides):
    a = {a}
    shortcut = {identity} if projection is None else {projected}
    z = {z}
    return {result}
"""


def _through(
    *,
    forward="x + branch if residual else branch",
    branch="scale * np.maximum(x, 0) @ kernel",
    d_branch="scale * (grad @ kernel.T) * is_open",
    backward="grad + d_branch if residual else d_branch",
    kept="before > 0",
    order="list(zip(weights, opened))[::-1]",
    result="x, grad",
):
    return f"""
def through(x, grad, weights, scale, residual):
    opened, first_grad = [], grad
    for kernel in weights:
        before = x
        branch = {branch}
        x = {forward}
        opened.append({kept})
    for kernel, is_open in {order}:
        d_branch = {d_branch}
        grad = {backward}
    return {result}
"""


WRONG = {
    "q1": [
        ("The identity's gradient is missing", _residual("branch_backward(grad)")),
        ("The branch's gradient is missing", _residual("grad")),
        ("you multiplied them", _residual("grad * branch_backward(grad)")),
        ("The shortcut's slope is 1, but", _residual("1 + branch_backward(grad)")),
        ("you took their mean", _residual("(grad + branch_backward(grad)) / 2")),
        ("you subtracted the branch's", _residual("grad - branch_backward(grad)")),
        ("you subtracted the shortcut's", _residual("branch_backward(grad) - grad")),
        ("You sent ones", _residual("grad + branch_backward(np.ones_like(grad))")),
        ("grad a second time", _residual("grad * (1 + branch_backward(grad))")),
        (
            "branch_backward multiplies by grad itself",
            _residual("grad * (1 + branch_backward(np.ones_like(grad)))"),
        ),
        (
            "you sent it back twice",
            _residual("grad + branch_backward(branch_backward(grad))"),
        ),
        ("grad is in it twice", _residual("2 * grad + branch_backward(grad)")),
        (
            "You sent the sum through the branch",
            _residual("branch_backward(grad + branch_backward(grad))"),
        ),
        (
            "grad was changed in place",
            "def residual_backward(grad, branch_backward):\n"
            "    grad += branch_backward(grad)\n"
            "    return grad",
        ),
        ("has the shape", _residual("(grad + branch_backward(grad)).sum(axis=0)")),
    ],
    "q2": [
        ("share is still blank", "share = ..."),
        ("This is the share of a single 3 x 3", "share = 9 / 25"),
        ("This is turned around", "share = 25 / 18"),
        ("nine weights for each pair", "share = 6 / 5"),
        ("This is what is saved", "share = 0.28"),
        ("so their weights add", "share = 81 / 25"),
        ("divide it by that of one 5 x 5", "share = 2 * 9"),
        ("conv_cost: the biases are missing", _conv("full")),
        ("not for each channel that comes in", _conv("full + n_in")),
        ("not one for all", _conv("full + 1")),
        ("not for each pair of channels", _conv("full + mix")),
        ("the factor n_in is missing", _conv("k * k * filters + filters")),
        ("the factor filters is missing", _conv("each + filters")),
        ("and as many columns: square it", _conv("k * mix + filters")),
        ("shared by all positions", _conv("full * pixels + filters")),
        ("conv_cost: a multiplication and an addition", _conv(flops="full * pixels")),
        ("conv_cost: every weight works at every", _conv(flops="2 * full")),
        ("conv_cost: leave the biases out", _conv(flops="2 * (full + filters) * pixels")),
        ("of their additions too", _conv(flops="(2 * full + filters) * pixels")),
        (
            "at all height x width positions",
            _conv(flops="2 * full * (height - k + 1) * (width - k + 1)"),
        ),
        ("The FLOPs of one filter only", _conv(flops="2 * each * pixels")),
        ("sum over the channels that come in", _conv(flops="2 * k * k * filters * pixels")),
        ("square the kernel_size in the FLOPs", _conv(flops="2 * k * mix * pixels")),
        (
            "returns the FLOPs first",
            _conv("2 * full * pixels", "full + filters"),
        ),
        (
            "must return two numbers",
            "conv_cost = lambda height, width, n_in, filters, kernel_size: "
            "kernel_size**2 * n_in * filters + filters",
        ),
        ("separable_cost: this is the ordinary", _separable("full + filters")),
        ("so their weights add: you multiplied", _separable("each * mix + filters")),
        ("the depthwise part has no biases", _separable("each + n_in + mix + filters")),
        ("the 1 x 1 part has a bias", _separable("each + mix")),
        ("the depthwise part comes first", _separable("k * k * filters + mix + filters")),
        ("the 1 x 1 convolution is missing.", _separable("each")),
        ("you counted the depthwise kernels and the biases", _separable("each + filters")),
        ("the depthwise kernels are missing", _separable("mix + filters")),
        ("the depthwise kernel has kernel_size rows", _separable("k * n_in + mix + filters")),
        ("hears all n_in channels", _separable("each + filters + filters")),
        ("these are the ordinary convolution's", _separable(flops="2 * full * pixels")),
        (
            "separable_cost: a multiplication and an addition",
            _separable(flops="(each + mix) * pixels"),
        ),
        ("separable_cost: every weight works", _separable(flops="2 * (each + mix)")),
        (
            "separable_cost: leave the biases out",
            _separable(flops="2 * (each + mix + filters) * pixels"),
        ),
        ("FLOPs of the 1 x 1 convolution are missing", _separable(flops="2 * each * pixels")),
        ("FLOPs of the depthwise part are missing", _separable(flops="2 * mix * pixels")),
        ("FLOPs of the two parts add", _separable(flops="2 * each * mix * pixels")),
    ],
    "q3": [
        ("was handed the whole gradient", _concatenate("len(channels) * [grad]")),
        ("at the channel counts themselves", _concatenate("np.split(grad, channels, axis=-1)")),
        ("You cut into equal parts", _concatenate("np.split(grad, len(channels), axis=-1)")),
        (
            "in reverse order",
            _concatenate("np.split(grad, np.cumsum(channels)[:-1], axis=-1)[::-1]"),
        ),
        ("was handed the first channels", _concatenate("[grad[..., :c] for c in channels]")),
        ("all channels up to its own", _concatenate("[grad[..., :end] for end in ends]")),
        (
            "all channels from its own on",
            _concatenate("[grad[..., start:] for start in starts]"),
        ),
        (
            "You cut from the back",
            _concatenate(
                "[grad[..., grad.shape[-1] - e : grad.shape[-1] - s] for s, e in zip(starts, ends)]"
            ),
        ),
        ("You cut along another axis", _concatenate("np.split(grad, ends[:-1], axis=1)")),
        ("You cut along another axis", _concatenate("np.split(grad, ends[:-1])")),
        (
            "has the shape",
            _concatenate("[grad[..., s : e - 1] for s, e in zip(starts, ends)]"),
        ),
        (
            "handed at index",
            _concatenate(
                "[np.roll(grad, -1, axis=-1)[..., s:e] for s, e in zip(starts, ends)]",
            ),
        ),
        ("gradient of branch 0 alone", _concatenate(merge="parts[0]")),
        ("gradient of the last branch alone", _concatenate(merge="parts[-1]")),
        ("you took their mean", _concatenate(merge="np.mean(parts, axis=0)")),
        (
            "you put them side by side",
            _concatenate(merge="np.concatenate(parts, axis=-1)"),
        ),
        ("you returned a list", _concatenate(merge="parts")),
        ("you multiplied them", _concatenate(merge="np.prod(parts, axis=0)")),
        ("each of them exactly once", _concatenate("np.split(grad, ends[:1], axis=-1)[:1]")),
        ("d_x is None", _concatenate(merge="None")),
        (
            "grad was changed in place",
            _concatenate(merge="[sum(parts), grad.fill(0)][0]"),
        ),
    ],
    "q4": [
        ("The gate is on the wrong way", _highway("t * x + (1 - t) * h")),
        ("s is the gate's score", _highway("s * h + (1 - s) * x")),
        ("The carried part is missing", _highway("t * h")),
        ("The carry gate is missing", _highway("t * h + x")),
        ("h passes with the weight t, not 1", _highway("h + (1 - t) * x")),
        ("t multiplies both ways", _highway("t * (h + x)")),
        ("not its tanh", _highway("np.tanh(s) * h + (1 - np.tanh(s)) * x")),
        ("This is a residual connection", _highway("x + h")),
        ("d_x and d_h are swapped", _highway_backward(result="d_h, d_x, d_s")),
        ("d_x misses its gate", _highway_backward("grad")),
        ("d_x misses the gradient from above", _highway_backward("1 - t")),
        ("In d_x, s is the gate's score", _highway_backward("grad * (1 - s)")),
        ("d_x multiplies by x", _highway_backward("grad * (1 - t) * x")),
        ("d_x is slowed", _highway_backward("grad * t * (1 - t)")),
        ("d_h is carried with 1 - t", _highway_backward(d_h="grad * (1 - t)")),
        ("d_h misses its gate", _highway_backward(d_h="grad")),
        ("d_h misses the gradient from above", _highway_backward(d_h="t")),
        ("In d_h, s is the gate's score", _highway_backward(d_h="grad * s")),
        ("d_h multiplies by h", _highway_backward(d_h="grad * t * h")),
        ("d_h is slowed", _highway_backward(d_h="grad * t * (1 - t)")),
        ("the slope of the sigmoid is missing", _highway_backward(d_s="grad * (h - x)")),
        ("In d_s the carried part is missing", _highway_backward(d_s="grad * h * t * (1 - t)")),
        ("the new value's part is missing", _highway_backward(d_s="-grad * x * t * (1 - t)")),
        ("The sign of d_s", _highway_backward(d_s="grad * (x - h) * t * (1 - t)")),
        ("In d_s the two parts are added", _highway_backward(d_s="grad * (h + x) * t * (1 - t)")),
        ("at its output t, not", _highway_backward(d_s="grad * (h - x) * s * (1 - s)")),
        ("the slope of z by t is missing", _highway_backward(d_s="grad * t * (1 - t)")),
        ("d_s misses the gradient from above", _highway_backward(d_s="(h - x) * t * (1 - t)")),
        ("only half of the sigmoid's slope", _highway_backward(d_s="grad * (h - x) * t")),
        ("must return three things", _highway_backward(result="d_x, d_h")),
        ("d_s has the shape", _highway_backward(result="d_x, d_h, d_s.sum(axis=0)")),
    ],
    "q5": [
        ("You took a row of the kernel", _class_map("features @ kernel[k]")),
        ("This is the map of every class", _class_map("features @ kernel")),
        ("This is the score", _class_map("features.mean(axis=(1, 2)) @ kernel[:, k]")),
        ("Sum over the channels", _class_map("(features * kernel[:, k]).mean(axis=-1)")),
        ("The channels are not weighed:", _class_map("features.sum(axis=-1)")),
        ("not weighed and averaged", _class_map("features.mean(axis=-1)")),
        ("sums over all classes", _class_map("(features @ kernel).sum(axis=-1)")),
        ("leave out the ReLU", _class_map("np.maximum(features @ kernel[:, k], 0)")),
        ("You left the channels apart", _class_map("features * kernel[:, k]")),
        (
            "You normalized",
            "_right = class_map\n"
            "class_map = lambda features, kernel, k: "
            "_right(features, kernel, k) / _right(features, kernel, k).max((1, 2), keepdims=True)",
        ),
        ("has the shape", _class_map("(features @ kernel[:, k])[0]")),
        ("The ReLU is missing", _grad_cam(result="(w * features).sum(axis=-1)")),
        ("you took the sum", _grad_cam("d_features.sum(axis=(1, 2), keepdims=True)")),
        ("the gradient times the features", _grad_cam("d_features")),
        ("averaged the gradient over the images", _grad_cam("d_features.mean(axis=(0, 1, 2))")),
        (
            "you cut the weights at zero instead",
            _grad_cam(
                "np.maximum(d_features.mean(axis=(1, 2), keepdims=True), 0)",
                "(w * features).sum(axis=-1)",
            ),
        ),
        (
            "you cut the weights at zero, too",
            _grad_cam("np.maximum(d_features.mean(axis=(1, 2), keepdims=True), 0)"),
        ),
        (
            "you cut the gradient at zero",
            _grad_cam("np.maximum(d_features, 0).mean(axis=(1, 2), keepdims=True)"),
        ),
        (
            "you cut the features at zero",
            _grad_cam(result="np.maximum((w * np.maximum(features, 0)).sum(axis=-1), 0)"),
        ),
        (
            "you cut each channel at zero",
            _grad_cam(result="np.maximum(w * features, 0).sum(axis=-1)"),
        ),
        (
            "you took their mean",
            _grad_cam(result="np.maximum((w * features).mean(axis=-1), 0)"),
        ),
        (
            "Roles are swapped",
            _grad_cam(
                "features.mean(axis=(1, 2), keepdims=True)",
                "np.maximum((w * d_features).sum(axis=-1), 0)",
            ),
        ),
        ("the absolute value", _grad_cam(result="np.abs((w * features).sum(axis=-1))")),
        ("You left the channels apart", _grad_cam(result="np.maximum(w * features, 0)")),
        (
            "You averaged over all positions at the end",
            _grad_cam(result="(w * features).sum(axis=-1).mean(axis=(1, 2))"),
        ),
        (
            "You scaled the map",
            "_right = grad_cam\n"
            "grad_cam = lambda features, d_features: "
            "_right(features, d_features) / _right(features, d_features).max()",
        ),
    ],
    "q6": [
        ("The sign is turned", _occlusion(drop="score(covered[None])[0] - whole")),
        ("These are the scores themselves", _occlusion(drop="score(covered[None])[0]")),
        (
            "The squares pile up",
            _occlusion(start="covered = image.copy()", copy="pass"),
        ),
        ("The squares pile up", _occlusion(copy="covered = image")),
        (
            "image was changed in place",
            "_right = occlusion_map\n"
            "def occlusion_map(score, image, size, fill):\n"
            "    drop = _right(score, image, size, fill)\n"
            "    image[:size, :size] = fill\n"
            "    return drop",
        ),
        ("You covered with zeros", _occlusion(cover="covered[r : r + size, c : c + size] = 0")),
        (
            "You added fill",
            _occlusion(cover="covered[r : r + size, c : c + size] += fill"),
        ),
        (
            "You multiplied the covered pixels",
            _occlusion(cover="covered[r : r + size, c : c + size] *= fill"),
        ),
        ("You covered a single pixel", _occlusion(cover="covered[r, c] = fill")),
        (
            "one row and one column too large",
            _occlusion(cover="covered[r : r + size + 1, c : c + size + 1] = fill"),
        ),
        (
            "You kept the square",
            _occlusion(
                copy="covered = np.full_like(image, fill)",
                cover="covered[r:r + size, c:c + size] = image[r:r + size, c:c + size]",
            ),
        ),
        (
            "You covered one channel only",
            _occlusion(cover="covered[r : r + size, c : c + size, 0] = fill"),
        ),
        (
            "The last place is missing",
            _occlusion(rows="image.shape[0] - size", columns="image.shape[1] - size"),
        ),
        ("rows and columns are swapped", _occlusion(result="drop.T")),
        (
            "a square fits only at",
            _occlusion(rows="image.shape[0]", columns="image.shape[1]"),
        ),
        ("slide the square by one pixel", _occlusion(result="drop[::size, ::size]")),
        ("subtract only", _occlusion(drop="(whole - score(covered[None])[0]) / whole")),
        ("holds absolute values", _occlusion(drop="abs(whole - score(covered[None])[0])")),
        ("for one image use image[None]", _occlusion(drop="score(covered)[0]")),
        (
            "for one image use image[None]",
            _occlusion(drop="score(covered[None, r : r + size, c : c + size])[0]"),
        ),
    ],
    "q7": [
        ("nothing is mended yet", _block("shortcut + np.maximum(z, 0)", identity="a")),
        ("taken behind the first convolution: it must", _block(identity="a")),
        ("The ReLU acts on the branch alone", _block("shortcut + np.maximum(z, 0)")),
        ("The last ReLU is missing: it comes", _block("shortcut + z")),
        ("is missing, and the shortcut is taken", _block("shortcut + z", identity="a")),
        (
            "The branch has a ReLU of its own",
            _block("np.maximum(shortcut + np.maximum(z, 0), 0)"),
        ),
        (
            "Each way has its own ReLU",
            _block("np.maximum(shortcut, 0) + np.maximum(z, 0)"),
        ),
        (
            "The shortcut goes through a ReLU",
            _block("np.maximum(np.maximum(shortcut, 0) + z, 0)"),
        ),
        ("The shortcut is missing", _block("np.maximum(z, 0)")),
        ("between the two convolutions is gone", _block(a="convolve(x, first, strides)")),
        ("The second convolution is gone", _block(z="a")),
        ("The second convolution acts on x", _block(z="convolve(x, second)")),
        ("and the branch is missing", _block("np.maximum(shortcut, 0)")),
        ("With a projection the block stopped", _block(projected="convolve(a, projection)")),
        ("With a projection the block stopped", _block(projected="x")),
        (
            "The projection's result goes through",
            _block(projected="np.maximum(convolve(x, projection, strides), 0)"),
        ),
        ("With strides 2 the block stopped", _block(projected="convolve(x, projection)")),
        (
            "With strides 2 the block stopped",
            _block(z="convolve(a, second, strides)"),
        ),
        (
            "With strides 2 nothing got smaller",
            _block(
                a="np.maximum(convolve(x, first), 0)",
                projected="convolve(x, projection)",
            ),
        ),
        (
            "The strides moved to the second",
            _block(
                a="np.maximum(convolve(x, first), 0)",
                z="convolve(a, second, strides)",
            ),
        ),
        (
            "dropped every other pixel",
            _block(
                "np.maximum(shortcut + z, 0)[:, ::strides, ::strides]",
                a="np.maximum(convolve(x, first), 0)",
                projected="convolve(x, projection)",
            ),
        ),
        (
            "shrunk by averaging",
            _block(
                projected="convolve(x.reshape(len(x), x.shape[1] // strides, strides, "
                "x.shape[2] // strides, strides, -1).mean(axis=(2, 4)), projection)"
            ),
        ),
        ("With the identity as shortcut, the result is None", _block("None")),
        (
            "With a projection the last ReLU",
            _block("shortcut + z if projection is not None else np.maximum(shortcut + z, 0)"),
        ),
    ],
    "q8": [
        (
            "The scale is missing on the way forward",
            _through(branch="np.maximum(x, 0) @ kernel"),
        ),
        (
            "The ReLU comes before the weights",
            _through(branch="scale * np.maximum(x @ kernel, 0)"),
        ),
        ("The argument residual is turned around", _through(forward="branch")),
        ("The argument residual is turned around", _through(forward="x + branch")),
        ("your shortcut is scaled", _through(forward="scale * x + branch")),
        ("Your shortcut is relu(x)", _through(forward="np.maximum(x, 0) + branch")),
        ("The two results are swapped", _through(result="grad, x")),
        ("Your scale is squared on", _through(branch="scale**2 * np.maximum(x, 0) @ kernel")),
        ("the identity's gradient is missing", _through(backward="d_branch")),
        ("a plain layer has no shortcut", _through(backward="grad + d_branch")),
        ("On the way back the ReLU is missing", _through(d_branch="scale * (grad @ kernel.T)")),
        ("looks at the layer's output", _through(kept="x > 0")),
        (
            "On the way back the scale is missing",
            _through(d_branch="(grad @ kernel.T) * is_open"),
        ),
        (
            "the weights must be transposed",
            _through(d_branch="scale * (grad @ kernel) * is_open"),
        ),
        ("the layers come in reverse", _through(order="zip(weights, opened)")),
        ("This is grad as it came in", _through(result="x, first_grad")),
        (
            "your scale is squared",
            _through(d_branch="scale**2 * (grad @ kernel.T) * is_open"),
        ),
        ("must return two things", _through(result="x")),
        ("has the shape", _through(result="x, grad.mean(axis=0)")),
        (
            "grad was changed in place",
            "_right = through\n"
            "def through(x, grad, weights, scale, residual):\n"
            "    found = _right(x, grad, weights, scale, residual)\n"
            "    grad *= 2\n"
            "    return found",
        ),
        ("plain_gradient is still blank", "plain_gradient = ..."),
        ("set residual to False", "plain_gradient = mean_sizes(0.5, True)[1]"),
        ("plain_gradient is near 1", "plain_gradient = mean_sizes(1.0, False)[1]"),
        ("through 30 plain layers", "plain_gradient = 0.5**15"),
        ("so it is positive", "plain_gradient = -1e-9"),
        ("set residual to True", "residual_gradient = mean_sizes(0.5, False)[1]"),
        ("is the factor at scale 1", "residual_gradient = mean_sizes(1.0, True)[1]"),
        ("through 30 residual layers at", "residual_gradient = 1.5**30"),
        ("through 30 residual layers at", "residual_gradient = 1.0"),
        ("doubling_scale is 1/sqrt(30)", "doubling_scale = 30**-0.5"),
        ("doubling_scale is 1/30", "doubling_scale = 1 / 30"),
        ("takes 1 + s for a layer's factor", "doubling_scale = 2 ** (1 / 30) - 1"),
        ("doubles the mean square", "doubling_scale = (2 ** (1 / 30) - 1) ** 0.5"),
        ("is the signal's factor", "doubling_scale = 2"),
        ("the factor of each layer", "doubling_scale = 1.0"),
        ("not twofold", "doubling_scale = 0.3"),
        ("not twofold", "doubling_scale = 0.19"),
    ],
}
