/** Every operation over columns of every kind, in windows short, long and without a start, some by buckets. */
import fc from 'fast-check'
import { window } from '../../core/define/index.js'

export const windowFeatures = {
  rows_2h: window.count({ over: '2h' }),
  amounts_5h: window.count('amount', { over: '5h' }),
  amount_sum_5h: window.sum('amount', { over: '5h' }),
  price_sum_9h: window.sum('price', { over: '9h' }),
  rate_sum_9h: window.sum('rate', { over: '9h' }),
  rate_avg_2h: window.avg('rate', { over: '2h' }),
  amount_avg: window.avg('amount', { over: 'lifetime' }),
  rate_min_5h: window.min('rate', { over: '5h' }),
  rate_max_9h: window.max('rate', { over: '9h' }),
  label_max_2h: window.max('label', { over: '2h' }),
  seen_min_9h: window.min('seen', { over: '9h' }),
  label_first_5h: window.first('label', { over: '5h' }),
  rate_last_9h: window.last('rate', { over: '9h' }),
  seen_last: window.last('seen', { over: 'lifetime' }),
  labels_9h: window.count_distinct('label', { over: '9h' }),
  rates: window.count_distinct('rate', { over: 'lifetime' }),
  amount_var_9h: window.var('amount', { over: '9h' }),
  amount_spread_5h: window.stddev_pop('amount', { over: '5h' }),
  price_spread: window.stddev('price', { over: 'lifetime' }),
  rate_var_9h: window.var('rate', { over: '9h' }),
  rate_var_pop: window.var_pop('rate', { over: 'lifetime' }),
  rate_spread_5h: window.stddev('rate', { over: '5h' }),
  labels_last_9h: window.last_n('label', { n: 3, over: '9h' }),
  rates_last: window.last_n('rate', { n: 2, over: 'lifetime' }),
  seen_last_9h: window.last_n('seen', { n: 4, over: '9h' }),
  labels_recent_9h: window.last_distinct_n('label', { n: 2, over: '9h' }),
  rates_recent: window.last_distinct_n('rate', { n: 3, over: 'lifetime' }),
  amounts_approx_9h: window.approx_count_distinct('amount', { over: '9h' }),
  rates_approx: window.approx_count_distinct('rate', { over: 'lifetime' }),
  rate_median_9h: window.approx_quantile('rate', { q: 0.5, over: '9h' }),
  rate_quantiles: window.approx_quantile('rate', { quantiles: [0, 0.1, 0.75, 1], over: 'lifetime' }),
  price_p90_5h: window.approx_quantile('price', { q: 0.9, over: '5h' }),
  rows_by_label_9h: window.count({ over: '9h', by: 'label' }),
  amount_by_flag_5h: window.sum('amount', { over: '5h', by: 'flag' }),
  rate_by_label: window.var('rate', { over: 'lifetime', by: 'label' }),
  seen_by_amount_9h: window.last('seen', { over: '9h', by: 'amount' }),
  labels_by_flag: window.last_n('label', { n: 2, over: 'lifetime', by: 'flag' }),
  recent_by_flag_9h: window.last_distinct_n('rate', { n: 2, over: '9h', by: 'flag' }),
  labels_distinct_by_flag: window.count_distinct('label', { over: '9h', by: 'flag' }),
  labels_approx_by_flag: window.approx_count_distinct('label', { over: '9h', by: 'flag' }),
  median_by_label: window.approx_quantile('rate', { q: 0.5, over: 'lifetime', by: 'label' }),
} as const

export type WindowFeatures = Partial<
  Record<keyof typeof windowFeatures, (typeof windowFeatures)[keyof typeof windowFeatures]>
>
/** A few at a time: each case is a view of its own. */
export const someFeatures: fc.Arbitrary<WindowFeatures> = fc
  .subarray(Object.entries(windowFeatures), { minLength: 2, maxLength: 4 })
  .map((entries) => Object.fromEntries(entries))

/** Of `parts` parts that together are all features the one at `nth`. */
export function featuresOfPart(nth: number, parts: number): WindowFeatures {
  return Object.fromEntries(Object.entries(windowFeatures).filter((_, at) => at % parts === nth))
}
