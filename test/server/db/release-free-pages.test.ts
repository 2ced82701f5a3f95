/** A database file that shrinks step by step after deletions. */
import { expect, test } from 'bun:test'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { giveBackPages } from '../../../src/server/db/release-free-pages.ts'
import { openDatabase } from '../../../src/server/db/open-database.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const MIB = 1024 * 1024

test('a file from which much was deleted gets shorter, step by step, and keeps some room for what comes', () => {
  const path = join(temporaryFolder(), 'fob.db')
  const { db, close } = openDatabase(path)
  const { $client } = db
  $client.run('CREATE TABLE big (data blob NOT NULL)')
  for (let i = 0; i < 10; i++) $client.run('INSERT INTO big VALUES (zeroblob(10485760))')
  const sizeOf = () => {
    $client.run('PRAGMA wal_checkpoint(TRUNCATE)')
    return statSync(path).size / MIB
  }
  expect(sizeOf()).toBeGreaterThan(100)
  expect(giveBackPages(db)).toBe(false)
  $client.run('DELETE FROM big')
  let steps = 0
  while (giveBackPages(db)) steps += 1
  expect(steps).toBeGreaterThan(30)
  expect(sizeOf()).toBeGreaterThan(60)
  expect(sizeOf()).toBeLessThan(70)
  expect($client.query('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' })
  close()
})
