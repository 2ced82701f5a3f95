// An agent as a pipeline: the task of the run is its prompt, the key of its model a secret of the pipeline.
//
//   fob pipeline set examples/opencode.ts
//   fob secrets set MODEL_API_KEY --pipeline opencode
//   fob run opencode --task "Review the last commit" --jwt-token "$TOKEN"

const pipeline = async () => {
  const { task } = pipelineContext
  if (!task) throw new Error('give the agent a task with --task')
  const { code } = await runtime.run({
    name: 'opencode',
    image: 'ghcr.io/sst/opencode',
    command: { path: 'opencode', args: ['run', task] },
    env: { MODEL_API_KEY: 'secret:MODEL_API_KEY' },
  })
  if (code !== 0) throw new Error(`opencode ended with ${code}`)
}

export { pipeline }
