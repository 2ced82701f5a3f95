// A volume lives as long as the run: files that one task leaves there are there for the next.
//
//   fob pipeline set examples/volumes.ts
//   fob pipeline run volumes

const pipeline = async () => {
  const work = volumes.create({ name: 'work' })

  await runtime.run({
    name: 'build',
    image: 'busybox',
    command: { path: 'sh', args: ['-c', 'echo "built once" > out/app'] },
    mounts: { out: work },
  })

  const test = await runtime.run({
    name: 'test',
    image: 'busybox',
    command: { path: 'cat', args: ['in/app'] },
    mounts: { in: work },
  })
  assert.equal(test.stdout, 'built once\n')
}

export { pipeline }
