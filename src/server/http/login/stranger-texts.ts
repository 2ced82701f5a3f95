/** What somebody is told who has logged in with a provider and is not let in here. */
export const STRANGER_TEXTS = {
  not_admitted: 'The rule of this server does not let that account in. Its administrator can say more.',
  not_a_member:
    'That account is not a member of anything here yet. Ask an administrator of this server to add you by your e-mail or login there, or to invite you.',
} as const
