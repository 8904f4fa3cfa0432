"""What normalization buys: rates, starts, smoothness, small batches; and what it does not.

Everything is trained by `twice.scratch`, float32, plain SGD: 64 inputs (the book's digits, 8 x 8),
five hidden layers of 64 units, ten scores. 800 training images a seed, drawn from a fixed 1,078;
719 other images are the test. Rates are tuned on two seeds of their own, by the loss on the 278
images such a seed leaves out of the 1,078: half a decade apart, the same nine rates for everybody,
and more only where the best is at the edge. The test images choose nothing. The running statistics
of batch norm have momentum 0.9 (0.9^(b / 32) with batches of b): these runs are short.

    OPENBLAS_NUM_THREADS=1 python -m experiments.normalization             about 12 minutes
    OPENBLAS_NUM_THREADS=1 python -m experiments.normalization --seeds 0 1     two seeds of five

ACT is "sigmoid", "tanh" or "relu" (He's start for relu, Glorot's for the others). METHOD is "none",
"batch", "layer" or "weight" (and more, below). A RESULT is a dict of lists with one entry a seed,
null where the numbers overflowed: train_loss, train_accuracy (after the training, as at inference),
test_loss, test_accuracy. TUNED is a RESULT with "rate" and "tried": {rate: mean validation loss of
the tuning seeds, null for an overflow}. All keys are strings, rates as in "0.00316".

setting                                  sizes, epochs of each part, tuning_seeds
rates["rates"]                           the rates, a third of a decade apart
rates["reached"]                         the accuracy that counts as usable: 0.9
rates["nets"][ACT][METHOD]               {"by_rate": {RATE: RESULT}, "lowest", "highest",
                                         "decades": one entry a seed, of its longest row of
                                         neighbouring rates that reach 0.9 on the test images;
                                         null if none does (decades: 0)}
scales["scales"]                         the factors on all initial kernels of a relu net
scales["nets"][METHOD][SCALE]            {"tuned": TUNED, "fixed": RESULT at the rate tuned for
                                         this METHOD at scale 1}; METHOD: none, batch, layer
shift[ACT][WHICH][KIND]                  ACT: sigmoid, relu. WHICH: "tuned" (each its own rate) or
                                         "same" (everybody at the rate tuned for "none"). KIND:
                                         "none", "none, noise", "batch", "batch, noise",
                                         "batch, more noise". TUNED or a RESULT with "rate", and
    "curve"                              {"train_loss", "test_accuracy"}: [[one an epoch] a seed]
    "mean_shift", "std_shift"            a seed: how far the inputs of layers 2 to 6 move from step
                                         to step, on 200 fixed images: root mean square over units
                                         of the change of mean (of standard deviation), divided by
                                         the layer's root mean square standard deviation; mean over
                                         layers and steps
    "mean_shift_by_epoch"                the same, [[mean over an epoch's steps] a seed]
    "gradient_shift", "gradient_cosine"  a seed: Santurkar et al.'s: a kernel's gradient before and
                                         after the step is taken in the layers below only: length
                                         of the difference / length, and cosine; mean over layers
                                         2 to 6 and one step in 20
smoothness[ACT][METHOD]                  ACT: tanh, relu; METHOD: none, batch, layer. {"rate",
                                         "levels": {LEVEL: list, one entry a seed, null where the
                                         training loss never fell to LEVEL}}; LEVEL: "start", "1",
                                         "0.3", "0.1": the first moment the loss of 200 fixed
                                         training images is at most this. An entry:
    "step", "loss", "gradient"           when it was, the loss, the length of the gradient
    "raw": {"loss", "change", "cosine", "beta"}          moved by a times the gradient g, a from
                                         smoothness["steps"]: the loss there, |g(a) - g| / |g|,
                                         cosine of g(a) and g, and max |g(a) - g| / |a g|
    "scale_free": the same               every kernel W moved by a times its own length along its
                                         own gradient, a from smoothness["fractions"]; g is the
                                         list of |W| dL/dW, the same for W and 2 W under batch
                                         norm; |a g| is a here
place[ACT][PLACE]                        PLACE: "before", "after" the activation. TUNED with twice
                                         the seeds: s, then s + 10
batch_size["epochs"], ["sizes"]          and batch_size["nets"][METHOD][SIZE]: TUNED of relu nets;
                                         METHOD: none, layer, group (8 groups), batch. batch has
                                         "test_accuracy_whole": statistics of all training images
                                         instead of the running ones, "test_accuracy_batch": of
                                         test batches of this size themselves, and
                                         "train_loss_seen": the mean loss of the last epoch's
                                         batches, to compare with train_loss
explains[ACT][KIND]                      TUNED after more epochs. KIND: "none" (Glorot's start),
                                         "none, He", "none, normalized once" (kernels and biases set
                                         so that every unit begins with mean 0 and variance 1 on
                                         200 images, as under batch norm), "batch", "layer"
small                                    a minute's part, which the tests repeat and compare
"""
