// What the accessibility checker says of a page: only what would keep somebody from buying.

import axe from "axe-core";

const GRAVE = ["serious", "critical"];

// Answers the grave violations as sentences. `only` limits the check to one rule.
export async function accessible(page, only) {
  // The watched policy is for pages; the checker is put in beside it, by the browser's own hand.
  await page.evaluate(axe.source);
  const violations = await page.evaluate(async (only) => {
    const options = { resultTypes: ["violations"], preload: false, ...(only && { runOnly: only }) };
    const { violations } = await window.axe.run(document, options);
    return violations.map(({ id, impact, nodes }) => ({
      id, impact, nodes: nodes.slice(0, 3).map(({ target, failureSummary }) => `${target.join(" ")} (${failureSummary?.split("\n")[1]?.trim()})`),
    }));
  }, only ? [only] : undefined);
  return violations.filter(({ impact }) => GRAVE.includes(impact)).map(({ id, impact, nodes }) => `${impact} ${id}: ${nodes.join("; ")}`);
}
