"""`.ci/stack`: every check that `.checkov.yaml` skips has a reason beside it, and would complain if it were not."""

import json
import re
import subprocess
import sys
import tempfile

from stack import ROOT


def main():
    checkov, failed, skipped = sys.argv[1], False, []
    for line in (ROOT / ".checkov.yaml").read_text().splitlines():
        if found := re.match(r"  - (CKV\w+)\s*(?:#\s*(.*))?$", line):
            skipped.append(found.group(1))
            if len(found.group(2) or "") < 20:
                failed = True
                print(f"FAILED  checkov: {found.group(1)} is skipped without a reason")
    command = [checkov, "--skip-download", "--file", str(ROOT / "template.yaml"), "--framework", "cloudformation"]
    command += ["--output", "json", "--soft-fail", "--check", ",".join(skipped)]
    # Elsewhere than in the project, whose settings would skip them again.
    with tempfile.TemporaryDirectory() as folder:
        answer = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout
    answer = json.loads(answer)
    found = {one["check_id"] for one in answer["results"]["failed_checks"]}
    for name in sorted(set(skipped) - found):
        failed = True
        print(f"FAILED  checkov: nothing needs the skip of {name} any more")
    if failed:
        sys.exit(1)
    print(f"ok      checkov: each of {len(skipped)} skips has its reason and is needed")


if __name__ == "__main__":
    main()
