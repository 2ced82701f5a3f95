/**
 * Arguments in, exit status out. What is imported here is loaded by every call, so there is nothing but
 * the ways that must be fast or must stand alone.
 */
import { VERSION } from './platform/build-constants.ts'

const argv = process.argv.slice(2)

if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-v')) {
  console.log(`fob ${VERSION}`)
} else if (argv[0] === '__sandbox') {
  const { runSandboxChild } = await import('./server/runs/sandbox/child/sandbox-child.ts')
  await runSandboxChild()
} else if (argv[0] === '__tasks') {
  const { runTasksProcess } = await import('./server/runs/supervisor/task-supervisor-main.ts')
  await runTasksProcess()
} else {
  const { runProcess } = await import('./cli/run-with-process-signals.ts')
  process.exit(await runProcess(argv))
}
