/** The migrations of the database, in order. */
import first from './migrations/0001-first.sql' with { type: 'text' }
import timeLimits from './migrations/0002-time-limits.sql' with { type: 'text' }
import runStarters from './migrations/0003-run-starters.sql' with { type: 'text' }
import identityProviderTokens from './migrations/0004-identity-provider-tokens.sql' with { type: 'text' }
import runOrigins from './migrations/0005-run-origins.sql' with { type: 'text' }
import people from './migrations/0006-people.sql' with { type: 'text' }
import pipelineNames from './migrations/0007-pipeline-names.sql' with { type: 'text' }
import pipelineSetters from './migrations/0008-pipeline-setters.sql' with { type: 'text' }

/** In order, never edited once somebody may have a database of it: format N is the first N of these. */
export const MIGRATIONS: readonly string[] = [
  first,
  timeLimits,
  runStarters,
  identityProviderTokens,
  runOrigins,
  people,
  pipelineNames,
  pipelineSetters,
]
