/** Whether a pipeline still has the source that a run of it was started with. */
import { eq } from 'drizzle-orm'
import type { Db } from '../../db/open-database.ts'
import { runScripts } from '../../db/run-journal-schema.ts'
import { pipelines } from '../../db/schema.ts'
import type { RunRow } from '../journal/read-run-records.ts'

/** By which the source of a run is compared with that of its pipeline. */
export function sourceDigest(source: string | Uint8Array): string {
  return new Bun.CryptoHasher('sha256').update(source).digest('hex')
}

/** @returns undefined where there is nothing to compare: the pipeline was removed, or the run's source was */
export async function sourceChanged(
  db: Db,
  { id, pipelineId, sourceSha256 }: Pick<RunRow, 'id' | 'pipelineId' | 'sourceSha256'>,
): Promise<boolean | undefined> {
  const [now] = await db
    .select({ source: pipelines.source })
    .from(pipelines)
    .where(eq(pipelines.id, pipelineId))
  const then = sourceSha256 ?? (await digestOfScript(db, id))
  if (now === undefined || then === undefined) return undefined
  return sourceDigest(now.source) !== then
}

/** For runs from before their records had one. */
async function digestOfScript(db: Db, runId: string): Promise<string | undefined> {
  const [script] = await db
    .select({ source: runScripts.source })
    .from(runScripts)
    .where(eq(runScripts.runId, runId))
  return script && sourceDigest(Bun.zstdDecompressSync(script.source))
}
