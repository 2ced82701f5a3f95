// Several commands in one place: each finds the files of the earlier ones.
//
//   fob pipeline set examples/sandbox.ts
//   fob pipeline run sandbox

const pipeline = async () => {
  const box = await runtime.startSandbox({ name: 'box', image: 'busybox', env: { MODE: 'careful' } })
  try {
    await box.exec({ command: { path: 'sh', args: ['-c', 'echo "$MODE" > mode'] } })
    const read = await box.exec({ name: 'read', command: { path: 'cat', args: ['mode'] } })
    assert.equal(read.stdout, 'careful\n')

    const lint = await box.exec({ name: 'lint', command: { path: 'sh', args: ['-c', 'exit 2'] } })
    assert.equal(lint.code, 2)
    console.log(`lint ended with ${lint.code}, and the run continues`)
  } finally {
    await box.close()
  }
}

export { pipeline }
