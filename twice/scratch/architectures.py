"""Whole networks made of blocks, small enough to train, or at the size that made them famous.

The famous ones stand in `ORIGINALS`. They have biases where batch normalization stood (a later
chapter). Their kernels are those of the papers, but that a 1 x 1 convolution takes the place of
every shortcut that changes shape (the paper's option B), and ResNet-50 strides in its 3 x 3.
"""

from itertools import pairwise

import numpy as np

from twice.scratch.backpropagation import Activation, Dense, Sequential
from twice.scratch.convolution import Conv2D
from twice.scratch.deep_cnns import (
    Add,
    Concatenate,
    Identity,
    conv,
    dense_block,
    inception_block,
    residual_block,
    separable_block,
    vgg_block,
)
from twice.scratch.gates import highway_block, inverted_residual, squeeze_excite
from twice.scratch.initializers import zeros
from twice.scratch.pooling import AveragePooling2D, Flatten, GlobalAveragePooling2D, MaxPooling2D


def average_head(n_in, classes, *, rng):
    """[the mean over the image, Dense]: few parameters, any image size. Lin et al. (2013)."""
    return [GlobalAveragePooling2D(), Dense(n_in, classes, rng=rng)]


def resnet(n_in, classes, filters=(16, 32, 64), depth=2, *, block=residual_block, stem=None, rng):
    """A stem, stages of `depth` blocks each, the mean, scores. He et al. (2016).

    Every stage but the first halves the image. block: a function like `residual_block`, with
    `strides`. stem: layers that make filters[0] channels; None: one 3 x 3 convolution.
    depth: a number, or one for each stage.
    """
    depths = np.broadcast_to(depth, len(filters))
    layers = conv(n_in, filters[0], 3, rng=rng) if stem is None else list(stem)
    before = filters[0]
    for stage, (width, blocks) in enumerate(zip(filters, depths, strict=True)):
        for k in range(blocks):
            strides = 2 if stage and not k else 1
            layers.append(block(before, width, strides=strides, rng=rng))
            before = width
    return Sequential(layers + average_head(before, classes, rng=rng))


def bottleneck_block(n_in, filters, *, strides=1, rng):
    """relu(x + 1 x 1, 3 x 3, 1 x 1 convolutions), the middle four times thinner. ResNet-50's."""
    thin, same = filters // 4, strides == 1 and n_in == filters
    branch = conv(n_in, thin, 1, rng=rng) + conv(thin, thin, 3, strides=strides, rng=rng)
    branch += conv(thin, filters, 1, None, initializer=zeros, rng=rng)
    shortcut = Identity() if same else conv(n_in, filters, 1, None, strides=strides, rng=rng)
    return Sequential([Add([branch, shortcut]), Activation("relu")])


def alexnet(rng):
    """Krizhevsky et al. (2012), for 227 x 227 x 3: groups=2, as it ran on two GPUs."""
    return Sequential([
        Conv2D(3, 96, 11, strides=4, rng=rng), Activation("relu"), MaxPooling2D(3, 2),
        *conv(96, 256, 5, groups=2, rng=rng), MaxPooling2D(3, 2),
        *conv(256, 384, 3, rng=rng), *conv(384, 384, 3, groups=2, rng=rng),
        *conv(384, 256, 3, groups=2, rng=rng), MaxPooling2D(3, 2),
        *dense_head((9216, 4096, 4096, 1000), rng=rng),
    ])  # fmt: skip


def dense_head(sizes, *, rng):
    """[Flatten, Dense, ReLU, Dense, ...], to be counted, not trained: its kernels are zeros.

    VGG-16 has 124 million weights there; one zero in memory stands for all of them.
    """
    layers = [Flatten()]
    for n_in, n_out in pairwise(sizes):
        dense = Dense(1, n_out, rng=rng)
        dense.params["kernel"] = np.broadcast_to(np.float32(0), (n_in, n_out))
        layers += [dense, Activation("relu")]
    return layers[:-1]


def vgg16(rng):
    """Simonyan and Zisserman (2015), for 224 x 224 x 3: nothing but 3 x 3."""
    sizes, depths = pairwise([3, 64, 128, 256, 512, 512]), (2, 2, 3, 3, 3)
    blocks = [vgg_block(*ends, depth, rng=rng) for ends, depth in zip(sizes, depths, strict=True)]
    return Sequential(blocks + dense_head((25_088, 4096, 4096, 1000), rng=rng))


INCEPTIONS = (  # (1 x 1, (thin, 3 x 3), (thin, 5 x 5), after the pooling); None: a pooling
    (64, (96, 128), (16, 32), 32), (128, (128, 192), (32, 96), 64), None,
    (192, (96, 208), (16, 48), 64), (160, (112, 224), (24, 64), 64),
    (128, (128, 256), (24, 64), 64), (112, (144, 288), (32, 64), 64),
    (256, (160, 320), (32, 128), 128), None,
    (256, (160, 320), (32, 128), 128), (384, (192, 384), (48, 128), 128),
)  # fmt: skip


def googlenet(rng):
    """Szegedy et al. (2015), for 224 x 224 x 3, without the two helper classifiers."""
    width = 192
    layers = stem(rng) + conv(64, 64, 1, rng=rng) + conv(64, 192, 3, rng=rng)
    layers.append(MaxPooling2D(3, 2, "same"))
    for filters in INCEPTIONS:
        if filters is None:
            layers.append(MaxPooling2D(3, 2, "same"))
        else:
            layers.append(inception_block(width, filters, rng=rng))
            width = filters[0] + filters[1][1] + filters[2][1] + filters[3]
    return Sequential(layers + average_head(width, 1000, rng=rng))


def stem(rng):
    """How GoogLeNet, ResNets and DenseNets begin: 7 x 7 in steps of 2, then a pooling."""
    return [*conv(3, 64, 7, strides=2, rng=rng), MaxPooling2D(3, 2, "same")]


def resnet18(rng):
    """He et al. (2016), for 224 x 224 x 3."""
    return resnet(3, 1000, (64, 128, 256, 512), 2, stem=stem(rng), rng=rng)


def resnet50(rng):
    """He et al. (2016), for 224 x 224 x 3; the steps of 2 are in the 3 x 3 convolutions."""
    widths, depths = (256, 512, 1024, 2048), (3, 4, 6, 3)
    first = [*stem(rng), bottleneck_block(64, 256, rng=rng)]
    depths = (2, *depths[1:])
    return resnet(3, 1000, widths, depths, block=bottleneck_block, stem=first, rng=rng)


def densenet121(rng):
    """Huang et al. (2017), for 224 x 224 x 3: each layer thins what it hears to 128 channels."""
    layers, width = stem(rng), 64
    for stage, depth in enumerate((6, 12, 24, 16)):
        if stage:  # halve the channels and the image
            layers += [*conv(width, width // 2, 1, rng=rng), AveragePooling2D(2)]
            width //= 2
        for _ in range(depth):
            one = conv(width, 128, 1, rng=rng) + conv(128, 32, 3, rng=rng)
            layers.append(Concatenate([Identity(), one]))
            width += 32
    return Sequential(layers + average_head(width, 1000, rng=rng))


def mobilenet(rng):
    """Howard et al. (2017), for 224 x 224 x 3: one convolution, then separable blocks."""
    rows = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)]
    rows += 5 * [(512, 1)] + [(1024, 2), (1024, 1)]
    layers, width = conv(3, 32, 3, strides=2, rng=rng), 32
    for filters, strides in rows:
        layers.append(separable_block(width, filters, strides=strides, rng=rng))
        width = filters
    return Sequential(layers + average_head(width, 1000, rng=rng))


ORIGINALS = {  # name: (year, side of the image, function)
    "AlexNet": (2012, 227, alexnet),
    "VGG-16": (2014, 224, vgg16),
    "GoogLeNet": (2014, 224, googlenet),
    "ResNet-18": (2015, 224, resnet18),
    "ResNet-50": (2015, 224, resnet50),
    "DenseNet-121": (2016, 224, densenet121),
    "MobileNet": (2017, 224, mobilenet),
}


BLOCKS = {  # name: function(n, rng) -> a block from n to n channels (n a multiple of 8)
    "one 5 x 5": lambda n, rng: Sequential(conv(n, n, 5, rng=rng)),
    "two 3 x 3": lambda n, rng: Sequential(conv(n, n, 3, rng=rng) + conv(n, n, 3, rng=rng)),
    "inception": lambda n, rng: inception_block(
        n, (n // 4, (n // 4, n // 2), (n // 8, n // 8), n // 8), rng=rng
    ),
    "residual": lambda n, rng: residual_block(n, n, rng=rng),
    "bottleneck": lambda n, rng: bottleneck_block(n, n, rng=rng),
    "dense": lambda n, rng: Sequential(
        [dense_block(n, n // 4, 4, rng=rng), *conv(2 * n, n, 1, rng=rng)]
    ),
    "highway": lambda n, rng: highway_block(n, rng=rng),
    "separable": lambda n, rng: separable_block(n, n, rng=rng),
    "inverted residual": lambda n, rng: inverted_residual(n, n, rng=rng),
    "squeeze and excite": lambda n, rng: squeeze_excite(n, rng=rng),
}
