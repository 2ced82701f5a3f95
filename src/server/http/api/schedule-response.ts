/** A schedule in the responses of the API. */
import type { ScheduleResponse } from '../../../contract/api/pipelines.ts'
import { instant } from '../../../contract/instant-as-text.ts'
import type { ScheduleRow } from '../../triggers/schedules.ts'

export function toScheduleResponse(row: ScheduleRow): ScheduleResponse {
  const { cron, timeZone, catchUp, lastRunId, missed, missedBecause } = row
  const times = { nextAt: instant(row.nextAt), lastAt: instant(row.lastAt), missedAt: instant(row.missedAt) }
  return { cron, timeZone, catchUp, ...times, lastRun: lastRunId, missed: missed ?? 0, missedBecause }
}
