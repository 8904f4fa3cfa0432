"""What practitioners say about baselines, search, seeds, checks, test sets and updates, measured.

The nets have one hidden layer (`updates`: two) of ReLUs, trained by `twice.scratch`; unless a part
says otherwise they learn 200 of the 1797 handwritten digits by SGD with momentum 0.9. A seed draws
its own images, weights and batches.

    OPENBLAS_NUM_THREADS=1 python -m experiments.practice               about 20 minutes
    OPENBLAS_NUM_THREADS=1 python -m experiments.practice --seeds 0 1   two seeds of ten

A run that was stopped goes on where it was. What it stores (a list is one number a seed):

baseline[TASK]               TASK: "digits", "breast cancer", "wine", "diabetes"
  measure                    "accuracy", or "R2" (diabetes: the share of the variance explained)
  counts                     numbers of training samples; those of a seed are nested
  test                       number of test samples, the same for all counts
  scores[MODEL][COUNT]       list: the score on the test set. MODEL: "chance" (the most frequent
                             class, or the mean), "linear" (softmax regression; ridge), "net" (9
                             trials), "net, 27 trials", "neighbors", "trees" (gradient boosting;
                             not on digits). COUNT is a string. Each MODEL has nine trials, chosen
                             by three-fold cross-validation within its training samples
  chosen[MODEL][COUNT]       list of what was chosen: L2 strength; [rate, L2, units]; k;
                             [depth, trees]
  trials[MODEL]              the values tried: nine (27) of these
  wins[COUNT]                {"net": number of seeds in which the net of 9 trials is better than
                             linear, "linear": ... the other way round}; the rest are ties

random_vs_grid[PAIR]         PAIR: "decay", "momentum", "width": what is tuned beside the rate.
                             Both on a log scale (momentum: 1 - momentum), in 32 x 32 places
  rates, others              the 32 values of either
  loss                       32 x 32 (rate, other): validation loss, mean over the seeds, cut at
                             ln 10 (a net that knows nothing)
  loss_of_one                the same of the first seed alone
  accuracy                   32 x 32: test accuracy, mean over the seeds
  explained                  {"rate", "other", "both"}: lists, shares of the variance of the loss
                             (of the 32 x 32) that belong to either alone and to their interaction
  explained_good             the same over the better half of the rates (those with the lowest
                             loss, mean over the others)
  budgets[BUDGET]            BUDGET "4", "9", "16", "25" whole trainings
    random_wins              list: probability that the best of random search has a lower loss
                             than the best of a grid of k x k with a random offset; exact
    equal                    list: probability that both find the same loss
    regret[SEARCH]           list: expected loss of the best found, less the lowest of all places
    test_accuracy[SEARCH]    list: expected test accuracy of the best found
                             SEARCH: "random"; "grid" (in the middle of its cells, moved by an
                             offset); "grid with ends" (its outer points are the ends of the
                             ranges); "line" (all trials on the rate; the other at its usual value);
                             "halving" (random, with successive halving: the same epochs in all)
    started                  how many nets halving starts with
  usual                      the usual value of the other, used by "line"

seeds
  sources[SOURCE]            {"accuracy": 30 numbers for each seed}: test accuracies when only
                             SOURCE changes, the rest as drawn by the seed. SOURCE: "weights",
                             "order", "split", "all"
  deviation[SOURCE]          list: their standard deviation
  binomial                   the standard deviation that the size of the test set alone explains
  settings[UNITS]            200 test accuracies, seed by seed: hidden units "12" ... "64"
  pairs["A, B"]              of two such settings:
    difference               mean accuracy of A less that of B
    deviation                standard deviation of the difference, seed by seed
    wrong[K]                 probability that B's mean over K runs is better than A's, though A is
                             better on the mean of all (ties count half); paired: both on the same
    wrong_paired[K]          seeds. K "1", "2", "3", "5", "10", "20", "50"
    needed, needed_paired    the smallest K tried with at most 5 % wrong; None if none
  lucky[SIZE]                the best of ten seeds (weights, order) on a validation set of SIZE
                             images ("50", "200"), one entry a split (30 splits): validation
                             accuracy and test accuracy of the winner, and the ten's mean
                             ("validation", "test", "mean_validation", "mean_test", "best_test")

sanity
  checks, faults             names, in the order of the table
  found[FAULT][CHECK]        number of seeds in which the check raises an alarm; FAULT "none" is the
                             healthy net: false alarms
  values[FAULT][CHECK]       list: the number the check looks at
  accuracy[FAULT]            list: test accuracy after training (what the fault costs, if it shows)

test_set[POOL][SIZE]         POOL: "settings" (100 nets with hyperparameters drawn at random),
                             "seeds" (100 seeds of one good setting); SIZE of the test set: "100",
                             "400". k of the 100 are tried, and the best on the test set is reported
  tried                      the values of k: 1, 2, 5, 10, 20, 50, 100
  reported[K]                list: expected test accuracy of the best of K; exact
  fresh[K]                   list: that net's accuracy on fresh images
  best_fresh[K]              list: the accuracy on fresh images of the truly best of K

updates[OPTIMIZER][EPOCHS]   OPTIMIZER "SGD", "momentum", "Adam"; EPOCHS "10", "100"
  rates                      those tried
  ratio[LAYER]               for each rate a list: median over the steps of
                             |change of W| / |W|; LAYER "1", "2", "3"
  train_loss, test_accuracy  for each rate a list (None: diverged)
  best                       the rate with the highest mean test accuracy
  ratio_at_best[LAYER]       list: the ratio at this rate
  good[LAYER]                [lowest, highest] mean ratio among the rates whose mean test accuracy
                             is within 0.01 of the best
  at_rule[LAYER]             mean test accuracy at the rate whose ratio is nearest to 1e-3, less
                             the best
small                        a few seconds' part of everything, which the tests repeat
"""
