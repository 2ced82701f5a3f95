import first from './migrations/0001-first.sql' with { type: 'text' }

/** In order, never edited once released: format N of the database is the first N of these. */
export const MIGRATIONS: readonly string[] = [first]
