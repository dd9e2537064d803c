// Answers that are "no" and meant to be: number of the question, name of the page, and why.

export const EXCEPT = {};
