/** Columns of the table that views are joined onto. */
export const rowColumn = '__row'
/** When the row looks, a stored instant. */
export const timeColumn = '__t'
export const spineKey = (view: number, key: number): string => `__key${view}_${key}`
