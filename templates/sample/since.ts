/** The first hour of the sample data; `millcourse init` writes the one it made. */
export const since = '2025-01-01T00:00:00Z'
