"""Optimizers and rates compared at equal effort; schedules, batches, averages, warm-up, decay.

Everything is trained by `twice.scratch` in float32. TASKS:
  "mlp"    64-128-64-10 units with ReLU on 600 digits, 570 steps
  "units"  the same, but every pixel is in a unit of its own: times 10^u, u even from -1.5 to 1.5
  "conv"   two convolutions with stride 2 on 1024 glyphs of 16 x 16 pixels, 480 steps
  "gru"    16 GRU units on the adding problem of length 12, sequences drawn anew, 1000 steps
Batches of 32 unless said otherwise. Whatever is chosen (a rate, a decay) is chosen with three
tuning seeds that are never reported; the digits are cut once into two halves, one to choose on, one
to report from; glyphs and sequences are drawn anew. A seed fixes weights, data and order of batches
for all methods: compare them in pairs, seed by seed. LISTS, wherever they are named, are
  train_loss, test_loss, test_accuracy   one number a reported seed after training, None: diverged
(gru: train_loss is over the last 50 steps, the losses are mean squared errors, no accuracy).

    OPENBLAS_NUM_THREADS=1 python -m experiments.optimizers               about 20 minutes
    OPENBLAS_NUM_THREADS=1 python -m experiments.optimizers --seeds 0 1   two seeds of ten

A run that was stopped goes on where it was. What it stores:

tuned                        "Adam needs no tuning", "always use Adam"
  tasks[TASK]                steps, block (steps of a point of a curve), target (of the block's mean
                             training loss), good (the bound of width below), measure (what `good`
                             bounds: "test_accuracy", at least, or "test_loss", at most)
  found[TASK][OPTIMIZER]     OPTIMIZER: "SGD", "momentum", "Nesterov", "RMSprop", "Adam", "AdamW",
                             "Lion"; the same number of rates for each, three a decade
    rates, tuning_train_loss, tuning_test_loss, tuning_test_accuracy, tuning_steps
                             of each rate, means over the tuning seeds; None: one diverged
                             (tuning_steps: steps to the target; who never gets there counts as all)
    width                    decades of rates whose tuning `measure` is good, by interpolation
    default                  untuned: rate (Keras's default), LISTS, steps (None: never)
    by_loss, by_train, by_steps   tuned by the lowest tuning_test_loss, tuning_train_loss or
                             tuning_steps: rate, edge (is it an end of the grid?), LISTS, steps
    curve                    of by_train: mean training loss of each block, mean over the seeds
range_test                   Smith (2017), on "conv" with momentum
  rates, losses              of one seed, as measured step by step
  suggested                  the suggested rate, one a reported seed; rate: their median
one_cycle[BUDGET][POLICY]    BUDGET: "1", "1/4" of conv's epochs; POLICY: "constant", "step decay",
                             "linear", "cosine", "warm-up + cosine", "1cycle": rates (peaks tried),
                             tuning_test_loss, rate, edge, LISTS; "1cycle, range test": no tuning,
                             rate (the range test's), LISTS
batch_size                   on 2048 glyphs, an MLP 256-64-10, batches of SIZE "8", ... "1024"
  setting                    rate (base, best at 32), epochs, updates
  found[EQUAL][OPTIMIZER][RULE][SIZE]   EQUAL: "epochs" or "updates"; OPTIMIZER "momentum" or
                             "Adam" (epochs only); RULE: "fixed" (the rate of 32), "linear" (rate in
                             proportion), "warm-up" (linear, after 10 % of warm-up), "root" (in
                             proportion to the root), "tuned" (own best rate): rate, updates, LISTS;
                             tuned: rates, tuning_test_loss, edge, too
  growing[WAY]               "constant", "lower rate" (a quarter, twice), "larger batch" (four times
                             as large, twice): rate, updates, LISTS. Smith et al. (2018)
averaging[RATE][WAY]         on "mlp" with noisy labels, one run with a constant RATE ("low", "best",
                             "high"): "last", "EMA 0.9", "EMA 0.99", "EMA 0.999", "Polyak", "SWA";
                             "decay", another run, linear to 0: rate, LISTS
warm_up[NET][OPTIMIZER][WAY] NET "deep" (ten layers of 64) or "gru"; OPTIMIZER "momentum" or "Adam";
                             WAY "none", "warm-up", "clipped", "both": rates, and for each rate
                             train_loss (rates x seeds), failed (share of seeds that diverged or end
                             above half of the first loss)
decay[WAY]                   "L2" (in Adam's gradient), "AdamW"; 200 digits, one label in five wrong:
  rates, decays, tuning_test_loss, tuning_test_accuracy (rates x decays)
  best_decay                 of each rate, by tuning_test_loss
  chosen (rate, decay), by_accuracy's chosen, LISTS of both
"""
