/** Which tokens of a trusted issuer are let in: by repositories, by a rule, and never all of a public issuer's. */
import { Fault } from '../../contract/fault.ts'
import { isPublicIssuer, PRESETS, type PresetName } from '../trusted-issuers/presets.ts'
import type { Condition } from '../trusted-issuers/trusted-issuer-type.ts'
import { type Entry, listOf } from './trusted-issuer-entries.ts'

/** @throws Fault `config` where anybody in the world could get such a token, and for repositories that are not named */
export function readConditions(entry: Entry, preset: PresetName | undefined): Condition[] {
  const { rule, repositories } = entry.values
  const conditions: Condition[] = rule === undefined ? [] : [{ kind: 'rule', rule }]
  if (preset === undefined) {
    requireRuleOfPublicIssuer(entry)
    if (repositories === undefined) return conditions
    throw new Fault('config', `${entry.called('repositories')} is for github and gitlab`, {
      hint: 'for another issuer, write a rule: claims.sub == "…"',
    })
  }
  if (repositories !== undefined) {
    const patterns = listOf(repositories)
    requireOwners(entry, patterns)
    return [{ kind: 'claim', claim: PRESETS[preset].repositoryClaim, patterns }, ...conditions]
  }
  requireOwnerInRule(entry, preset, rule)
  return conditions
}

/** Default deny for issuers that all customers of a service have in common. */
function requireRuleOfPublicIssuer({ values, called }: Entry): void {
  const { issuer = '', rule } = values
  if (rule !== undefined || !isPublicIssuer(issuer)) return
  throw new Fault(
    'config',
    `${called('issuer')} needs a rule: anybody in the world can get a token of ${issuer}`,
    {
      hint: `ask in ${called('rule')} for a claim that tells yours from others, such as claims.sub == "…"`,
    },
  )
}

/** A pattern says who the owner is: a star in the first part would be anybody. */
function requireOwners({ called }: Entry, patterns: readonly string[]): void {
  const bad = patterns.find((pattern) => !/^[^*/]+\/./.test(pattern))
  if (bad === undefined && patterns.length > 0) return
  throw new Fault(
    'config',
    `${called('repositories')} takes names such as my-org/app or my-org/*, not ${bad ?? 'none'}`,
  )
}

/** Default deny: any repository in the world can have a token of GitHub or GitLab for any audience. */
function requireOwnerInRule({ called }: Entry, preset: PresetName, rule: string | undefined): void {
  const { label, ownerClaims, repositoryClaim } = PRESETS[preset]
  const asked = ownerClaims.some((claim) =>
    new RegExp(`\\bclaims\\s*(?:\\.\\s*|\\[\\s*["'])${claim}\\b`).test(rule ?? ''),
  )
  if (asked) return
  const what =
    rule === undefined
      ? `${called('issuer')} needs a condition`
      : `${called('rule')} does not say whose jobs it lets in`
  throw new Fault('config', `${what}: any repository in the world can get a token of ${label}`, {
    hint: `set ${called('repositories')} to my-org/*, or ask for claims.${repositoryClaim} in ${called('rule')}`,
  })
}
