/** The input of a run is not read for a list of runs. */
import { expect, test } from 'bun:test'
import { failure, openHarness, pipeline, TENANT } from '../run-harness.ts'

const MIB = 1024 * 1024

test.each([
  ['one long argument', { args: ['x'.repeat(MIB + 1)] }, /at most 1 MiB/],
  ['a long task beside it', { args: ['x'.repeat(MIB / 2)], task: 'é'.repeat(MIB / 4 + 1) }, /at most 1 MiB/],
  ['many arguments', { args: Array.from({ length: 1001 }, () => '') }, /at most 1000 arguments/],
])('a run is not begun with %s', async (_name, handedIn, reason) => {
  await using own = await openHarness()
  const error = await failure(own.start(pipeline(''), handedIn))
  expect(error).toMatchObject({ code: 'usage', message: expect.stringMatching(reason) })
  expect((await own.runs.list(TENANT, { limit: 10 })).items).toEqual([])
})

test('what it is begun with is not read for a list', async () => {
  await using own = await openHarness()
  await own.run(pipeline('console.log(pipelineContext.args[0].length)'), { args: ['x'.repeat(MIB)] })
  const [entry] = (await own.runs.list(TENANT, { limit: 10 })).items
  expect(entry).toMatchObject({ pipelineName: 'deploy', status: 'success' })
  expect(JSON.stringify(entry).length).toBeLessThan(1000)
})
