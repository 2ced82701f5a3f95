// The input of a run: words after the pipeline's name, and the text of --task.
//
//   fob pipeline set examples/arguments.ts
//   fob pipeline run arguments staging 3 --task "roll back"

const pipeline = async () => {
  const [environment = 'staging', copies = '1'] = pipelineContext.args
  console.log(
    `to ${environment}, ${Number(copies)} times: ${pipelineContext.task ?? 'nothing in particular'}`,
  )
  console.log(`run ${pipelineContext.runID}, started by ${pipelineContext.triggeredBy}`)
}

export { pipeline }
