"""`.ci/stack`: the transformed template against the code, and every check against mistakes that it must see."""

import sys

import checks
import evidence  # noqa: F401 (its checks register themselves)
import rights  # noqa: F401
from stack import Stack


def main():
    stack, failed = Stack(), 0
    for name, check, planted in checks.ALL:
        found = list(check(stack))
        for complaint in found:
            print(f"FAILED  {name}: {complaint}")
        if not planted:
            found.append("nothing is planted")
            print(f"FAILED  {name}: no mistake is planted, so nobody knows whether it can fail")
        for number, (plant, said) in enumerate(planted, 1):
            copy = stack.copy()
            try:
                plant(copy)
            except (KeyError, StopIteration, IndexError) as missing:
                found.append("not planted")
                print(f"FAILED  {name}: mistake {number} could not be planted ({missing!r})")
                continue
            new = [complaint for complaint in check(copy) if complaint not in found]
            if not any(said in complaint for complaint in new):
                found.append("not seen")
                print(f"FAILED  {name}: mistake {number} was to bring “{said}” and brought {new}")
        failed += bool(found)
        if not found:
            print(f"ok      {name} ({len(planted)} planted)")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
