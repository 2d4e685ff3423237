import type { Answers, Asked } from './training-asked.js'
import { lookupAnswers } from './training-lookup.js'
import type { TrainingViewPlan } from './training-set-plan.js'
import { windowAnswers } from './training-window.js'

/** Each view on its own: none drops, multiplies or reorders the spine's rows. */
export function viewAnswers(view: TrainingViewPlan, asked: Asked): Answers {
  return view.bundle.view.viewKind === 'lookup' ? lookupAnswers(view, asked) : windowAnswers(view, asked)
}
