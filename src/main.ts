/**
 * Arguments in, exit status out. What is imported here is loaded by every call, so there is nothing but
 * the ways that must be fast or must stand alone.
 */
import { VERSION } from './platform/build.ts'

const argv = process.argv.slice(2)

if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-v')) {
  console.log(`fob ${VERSION}`)
} else if (argv[0] === '__sandbox') {
  const { runSandboxChild } = await import('./server/runs/sandbox/child.ts')
  await runSandboxChild()
} else {
  process.exit(await runCommand())
}

/**
 * The first SIGINT, SIGTERM or SIGHUP aborts the command's signal, so that it can leave nothing
 * half-written; a second one ends the process at once.
 */
async function runCommand(): Promise<number> {
  const { runCommandLine } = await import('./cli/root.ts')
  const { interruption, systemDeps } = await import('./cli/deps.ts')
  const { keepLoopbackOffProxies } = await import('./platform/network.ts')
  keepLoopbackOffProxies(process.env)
  const abort = new AbortController()
  const interrupt = () => {
    if (abort.signal.aborted) process.exit(130)
    abort.abort(interruption())
  }
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, interrupt)
  return runCommandLine(argv, systemDeps(abort.signal))
}
