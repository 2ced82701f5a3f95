// Responds to the sender of its webhook, then continues to work.
//
//   fob pipeline set examples/webhook.ts
//   fob pipeline webhook webhook --provider github

const pipeline = async () => {
  if (http.request === undefined) throw new Error('this pipeline is started by its webhook')
  const { action = 'nothing' } = JSON.parse(http.request.body || '{}') as { action?: string }
  await http.respond({
    status: 200,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ heard: action, run: pipelineContext.runID }),
  })
  await runtime.run({ name: 'work', image: 'busybox', command: { path: 'echo', args: [action] } })
}

export { pipeline }
