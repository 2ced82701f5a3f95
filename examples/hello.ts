// One task with an environment of its own, and its output as a value.
//
//   fob pipeline set examples/hello.ts
//   fob pipeline run hello

const pipeline = async () => {
  const hello = await runtime.run({
    name: 'hello',
    image: 'busybox',
    command: { path: 'sh', args: ['-c', 'echo "hello, $WHO"'] },
    env: { WHO: 'world' },
  })
  assert.equal(hello.stdout, 'hello, world\n')
  assert.equal(hello.code, 0)
}

export { pipeline }
