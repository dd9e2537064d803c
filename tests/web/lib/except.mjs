// Answers that are "no" and meant to be: the question's number, the pages, the fault as it reads, and why.

export const EXCEPT = [
  [6, /^(product|form)(-|$)/, /sizes 12,14,16,18,22,28$/, "the price is a size of its own beside the five of the page, because it is what is compared"],
  [6, /^(delivered|surplus|completed|keys)(-|$)/, /sizes (12,14,16,18,20,22|12,14,16,18,20,28)$/, "a key of one line is larger than its page, because it is typed off"],
  [18, /^usdt$/, /primary action ends at/, "address and amount are copied first; that money was sent is said afterwards"],
];

// Whether a fault is meant to be.
export function isMeant(number, name, fault) {
  return EXCEPT.some((exception) => exception[0] === Number(number) && exception[1].test(name) && exception[2].test(fault));
}
