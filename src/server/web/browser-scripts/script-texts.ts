/** The scripts that pages load, as text. They are modules in browsers alone. */
import { scriptText } from '../browser-script-from-typescript.ts' with { type: 'macro' }
// oxlint-disable import/default -- each comes as text
import COPY_BUTTONS from './copy-buttons.js' with { type: 'text' }
import LIVE_RUN_LOG from './live-run-log.js' with { type: 'text' }
import LOCAL_TIMES from './local-times.js' with { type: 'text' }
import OPEN_INVITATION from './open-invitation.js' with { type: 'text' }
import RUN_TASKS from './run-tasks.js' with { type: 'text' }

/** By path. */
export const SCRIPTS = {
  '/assets/local-times.js': LOCAL_TIMES,
  '/assets/copy-buttons.js': COPY_BUTTONS,
  '/assets/run.js': LIVE_RUN_LOG,
  '/assets/run-tasks.js': RUN_TASKS,
  '/assets/open-invitation.js': OPEN_INVITATION,
  '/assets/log-text.js': scriptText('log-line-colours-and-errors.ts'),
} as const

export type ScriptPath = keyof typeof SCRIPTS
/** Of every page with a menu. */
export const MENU_SCRIPTS: readonly ScriptPath[] = ['/assets/local-times.js', '/assets/copy-buttons.js']
