/**
 * Owns: from arguments to an exit status. Finds the command, has its arguments checked, runs it, and turns whatever
 * it throws into a fact and a next step.
 * Refuses: to print a stack, or the text of an error that is not ours.
 */
import { Fault } from '../contract/fault.ts'
import { readSwitch } from '../platform/parse-boolean-words.ts'
import { type Command, runCommand } from './command.ts'
import type { Deps } from './deps.ts'
import { EXIT } from './exit-codes.ts'
import { renderFault, toFault } from './output/render-fault.ts'
import { checkArguments, wantsHelp } from './parsing/check-arguments.ts'
import { findCommand, type Found, runnable } from './parsing/find-command.ts'
import { ROOT } from './root-command.ts'

/** Runs one command line. Never throws. @returns the exit status of the process */
export async function runCommandLine(
  argv: readonly string[],
  deps: Deps,
  root: Command = ROOT,
): Promise<number> {
  try {
    if (argv[0] === '--version' || argv[0] === '-v') return await runCommandLine(['version'], deps, root)
    if (argv[0] === 'help') return await runCommandLine([...argv.slice(1), '--help'], deps, root)
    const found = await findCommand(root, argv)
    const command = await runnable(found.command)
    if (command === undefined || wantsHelp(found.rest)) {
      return await showHelp(found, deps, wantsHelp(found.rest))
    }
    const checked = checkArguments(command, found.rest, wordsOf(found))
    if (checked.asksForHelp) return await showHelp(found, deps, true)
    warnOfUncheckedCertificates(deps)
    return await runCommand(command, checked, { deps, root })
  } catch (error) {
    return report(error, argv, deps)
  }
}

function wordsOf({ path }: Found): string {
  return ['fob', ...path].join(' ')
}

/** Said by every command, with `--silent` too: a variable that was set once, somewhere, would go unnoticed. */
function warnOfUncheckedCertificates({ env, io }: Deps): void {
  if (env.NODE_TLS_REJECT_UNAUTHORIZED !== '0') return
  io.stderr.write(
    'warning: NODE_TLS_REJECT_UNAUTHORIZED=0 turns the check of certificates off, so anybody on the way can read what is' +
      ' sent; unset it, and name your own authority in SSL_CERT_FILE\n',
  )
}

/** Help that was asked for is data (stdout, 0). A group without a command is a wrong usage (stderr, 2). */
async function showHelp(found: Found, deps: Deps, isAskedFor: boolean): Promise<number> {
  const { command, path, rest } = found
  const words = wordsOf(found)
  const wanted = isAskedFor || (path.length === 0 && rest.length === 0)
  if (!wanted && rest.length > 0) {
    throw new Fault('usage', `${words} needs a command before ${rest[0]?.split('=')[0]}`, {
      hint: `run "${words} --help" for the commands`,
    })
  }
  const { helpOf } = await import('./output/help.ts')
  const text = await helpOf(command, words)
  if (wanted) deps.io.stdout.write(text)
  else deps.io.stderr.write(text)
  return wanted ? 0 : EXIT.usage
}

function report(error: unknown, argv: readonly string[], deps: Deps): number {
  const fault = toFault(error)
  deps.io.stderr.write(renderFault(fault, errorFormat(argv, deps)))
  const debug =
    argv.some((arg) => arg === '--debug' || arg === '--debug=true') ||
    readSwitch(deps.env.FOB_DEBUG ?? '') === true
  if (debug && fault.cause !== undefined) deps.io.stderr.write(debugTrace(fault.cause))
  return EXIT[fault.code]
}

/** Read without the parser, because the error may be the parser's. */
function errorFormat(argv: readonly string[], deps: Deps): 'text' | 'json' {
  const json =
    argv.some(
      (arg, i) => arg === '-ojson' || arg === '--output=json' || (isOutput(arg) && argv[i + 1] === 'json'),
    ) ||
    (deps.env.FOB_OUTPUT === 'json' && !argv.some(isOutput))
  return json ? 'json' : 'text'
}

function isOutput(arg: string): boolean {
  return arg === '-o' || arg === '--output'
}

/** Where an error happened, without its message, which may carry a credential. */
function debugTrace(cause: unknown): string {
  if (!(cause instanceof Error)) return ''
  const frames = (cause.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line))
  return [`${cause.name} at`, ...frames, ''].join('\n')
}
