/** The content of docs/pages.md: every page of the server with its picture. */
import { resolve } from 'node:path'
import type { PageVisit } from '../test/support/servers/page-list.ts'

export const PICTURE_LIST = resolve(import.meta.dir, '../docs/pages.md')

export function renderPictureList(pages: readonly Pick<PageVisit, 'name' | 'about'>[]): string {
  return [
    '# Pages',
    '',
    'Written by `scripts/pictures`, which takes the pictures from the binary by the list in `test/support/servers/page-list.ts`. Do not edit.',
    '`test/e2e/server/pages.test.ts` checks the same list: without scripts, by keyboard, at 360 px, in light and dark, with axe-core.',
    '',
    ...pages.flatMap(({ name, about }) => [`## ${about}`, '', `![${about}](pages/${name}.png)`, '']),
  ].join('\n')
}
