// Two tasks of one name at the same time. Each has its own folder, output and exit code; a code other than 0 does
// not throw.
//
//   fob pipeline set examples/side-by-side.ts
//   fob pipeline run side-by-side

const build = (target: string, code: number) =>
  runtime.run({
    name: 'build',
    image: 'busybox',
    command: { path: 'sh', args: ['-c', 'echo "$TARGET" > made; cat made; exit "$CODE"'] },
    env: { TARGET: target, CODE: code },
  })

const pipeline = async () => {
  const [linux, windows] = await Promise.all([build('linux', 0), build('windows', 3)])
  assert.equal(linux.stdout, 'linux\n')
  assert.equal(windows.stdout, 'windows\n')
  assert.equal(windows.status, 'failure')
  console.log(`linux ended with ${linux.code}, windows with ${windows.code}`)
}

export { pipeline }
