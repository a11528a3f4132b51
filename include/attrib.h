/* SPDX-License-Identifier: MIT */
/**
 * @file attrib.h
 * Which training documents move a language model towards a behaviour: influence functions
 * with EK-FAC curvature (Grosse et al. 2023, arXiv:2308.03296).
 *
 * Letters, the same everywhere: N training documents, Q queries, T tokens of a sequence,
 * V vocabulary, L layers, D model width, O x I a linear map's output and input width (I
 * counts 1 for a bias). Row-major.
 *
 * Units: losses and log-probabilities in nats, SUMMED over the tokens that count. Damping
 * and eigenvalues in nats^2 per weight^2.
 *
 * Sign and scale: score(z, q) = sum over tracked maps <(Fisher + damping)^-1 grad(-log
 * p_q), grad loss_z>. A positive score says that more weight on document z raises the
 * query's log-probability. Sign and order are what predicts training; sizes do not.
 * Scores are not divided by N, and divided by it they were 3 to 30 times larger than the
 * changes that retraining measured (corpora/truth.md).
 */
#ifndef ATTRIB_H
#define ATTRIB_H

#include <attrib/analyze.h>
#include <attrib/answer.h>
#include <attrib/base.h>
#include <attrib/corpus.h>
#include <attrib/corpus_options.h>
#include <attrib/curvature.h>
#include <attrib/document.h>
#include <attrib/export.h>
#include <attrib/format.h>
#include <attrib/gradient.h>
#include <attrib/index.h>
#include <attrib/linalg.h>
#include <attrib/model.h>
#include <attrib/plan.h>
#include <attrib/queries.h>
#include <attrib/ranking.h>
#include <attrib/run.h>
#include <attrib/score.h>
#include <attrib/score_options.h>
#include <attrib/serve.h>
#include <attrib/state.h>
#include <attrib/tokenizer.h>
#include <attrib/validate.h>

#endif
