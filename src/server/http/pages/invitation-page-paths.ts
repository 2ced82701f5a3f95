/** Where an invitation is opened and accepted. The secret of its link is never part of the address that is requested. */
export const INVITATION_PAGE = '/invitation'
