/**
 * Owns: from arguments to an exit status. Finds the command, parses, runs it, turns whatever it throws
 * into a fact and a next step.
 * Refuses: to let an unknown flag pass, to print a stack or the text of an error that is not ours.
 */
import { Fault } from '../contract/fault.ts'
import { readSwitch } from '../platform/boolean-words.ts'
import type { Deps } from './deps.ts'
import { EXIT, renderFault, toFault } from './exit-codes.ts'
import { commandHelp, groupHelp } from './output/help.ts'
import { parseCommandLine, wantsHelp } from './parsing/check-arguments.ts'
import { fallbackOf, type Resolved, resolveCommand } from './parsing/find-command.ts'
import { type Group, TREE } from './root-command.ts'

/** Runs one command line. Never throws: the answer is the process's exit status. */
export async function runCommandLine(
  argv: readonly string[],
  deps: Deps,
  tree: Group = TREE,
): Promise<number> {
  try {
    if (argv[0] === '--version' || argv[0] === '-v') return await runCommandLine(['version'], deps, tree)
    if (argv[0] === 'help') return await runCommandLine([...argv.slice(1), '--help'], deps, tree)
    const resolved = resolveCommand(tree, argv)
    if (
      wantsHelp(resolved.rest) ||
      (resolved.node.kind === 'group' && fallbackOf(resolved.node) === undefined)
    ) {
      return await showHelp(resolved, deps)
    }
    await dispatch(resolved, deps)
    return 0
  } catch (error) {
    return report(error, argv, deps)
  }
}

/** Loads the one command that the words name, and runs it. */
async function dispatch({ node, path, rest }: Resolved, deps: Deps): Promise<void> {
  const leaf = node.kind === 'leaf' ? node : fallbackOf(node)
  if (leaf === undefined) throw new Error('a group without a fallback has been answered with its help')
  const { command } = await leaf.load()
  await command.run(parseCommandLine(command, rest, ['fob', ...path].join(' ')), deps)
}

/** Asked-for help is data (stdout, 0). A group without a command is a wrong usage (stderr, 2). */
async function showHelp({ node, path, rest }: Resolved, deps: Deps): Promise<number> {
  const words = ['fob', ...path].join(' ')
  const leaf = node.kind === 'leaf' ? node : fallbackOf(node)
  const text =
    leaf === undefined && node.kind === 'group'
      ? groupHelp(node, words)
      : leaf !== undefined
        ? commandHelp((await leaf.load()).command, words, node.kind === 'group' ? node : undefined)
        : ''
  if (wantsHelp(rest) || (path.length === 0 && rest.length === 0)) {
    deps.io.stdout.write(text)
    return 0
  }
  if (rest.length > 0) {
    throw new Fault('usage', `${words} needs a command before ${rest[0]?.split('=')[0]}`, {
      hint: `run "${words} --help" for the commands`,
    })
  }
  deps.io.stderr.write(text)
  return EXIT.usage
}

function report(error: unknown, argv: readonly string[], deps: Deps): number {
  const fault = toFault(error)
  deps.io.stderr.write(renderFault(fault, errorFormat(argv, deps)))
  if (
    fault.cause !== undefined &&
    (argv.includes('--debug') || readSwitch(deps.env.FOB_DEBUG ?? '') === true)
  ) {
    deps.io.stderr.write(debugTrace(fault.cause))
  }
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

/** Where it happened, but not what it said: an error's own text may carry a credential. */
function debugTrace(cause: unknown): string {
  if (!(cause instanceof Error)) return ''
  const frames = (cause.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line))
  return [`${cause.name} at`, ...frames, ''].join('\n')
}
