#!/bin/sh
# Runs the small-kernel tests on oclgrind, which interprets OpenCL and watches every memory access, and fails if it reports a data race, an
# access out of bounds, a use of uninitialised memory or a wrong use of the API. Then runs kernels that are wrong on purpose and fails
# unless oclgrind reports each. Needs oclgrind and ocl-icd-libopencl1 (Debian), and the OpenCL tests built.
set -eu
cd "$(dirname "$0")/.."

runtime=$(find /usr/lib /usr/local/lib -name liboclgrind-rt-icd.so 2>/dev/null | head -n 1)
if [ -z "$runtime" ]; then
    echo "oclgrind is not installed (Debian: apt-get install oclgrind ocl-icd-libopencl1)" >&2
    exit 1
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/vendors"
echo "$runtime" > "$work/vendors/oclgrind.icd"
export OCL_ICD_VENDORS="$work/vendors" OCLGRIND_DATA_RACES=1 OCLGRIND_CHECK_API=1 CI=true

# Oclgrind reports on standard error, which the test runner passes on when it is verbose; OCLGRIND_LOG loses what is in its buffer when
# the test host ends.
run() {
    if ! dotnet test tests/DeepSeekEngine.OpenCL.Tests --no-build --nologo --filter "$2" --logger "console;verbosity=detailed" > "$1" 2>&1; then
        cat "$1" >&2
        exit 1
    fi
    grep -E "^ *(Total tests|Passed|Failed):" "$1"
}

# ILGPU asks a device for properties that OpenCL 1.2 does not have; that is the one call that may fail.
reports() {
    grep -E "data race|Invalid (read|write)|Uninitialized|divergence|Function:" "$1" | grep -v "Function: clGetDeviceInfo"
}

must_be_clean() {
    if reports "$1" > "$work/reports"; then
        echo "oclgrind found errors:" >&2
        sort "$work/reports" | uniq -c | sort -rn | head -n 40 >&2
        exit 1
    fi
}

# Oclgrind offers 32 KB of local memory unless told; attention uses more, within the 48 KB that every CUDA device gives a group.
export OCLGRIND_LOCAL_MEM_SIZE=49152

# oclgrind 21.10 computes wrongly what clang makes of AbsorbQueries over packed weights at its default optimisation, with no report; the
# unoptimised kernel and PoCL agree with the CPU accelerator.
export OCLGRIND_BUILD_OPTIONS=-cl-opt-disable

# It also takes for uninitialised what an earlier kernel, a write into the middle of a buffer or a store of one field of a structure has put
# there, as the weights of experts, their hidden values, the tiles of attention and the candidates of ArgMax are. The operations without such
# memory are watched for uninitialised reads too.
partial="Name~RoutedExperts|Name~ExpertOrder|Name~CachedAttention|Name~ExpandedAttention|Name~ArgMax"
run "$work/partial.log" "TestCategory=SmallKernels&($partial)"
must_be_clean "$work/partial.log"
export OCLGRIND_UNINITIALIZED=1
run "$work/kernels.log" "TestCategory=SmallKernels&$(echo "$partial" | sed 's/~/!~/g; s/|/\&/g')"
must_be_clean "$work/kernels.log"

run "$work/wrong.log" TestCategory=WrongKernels
for error in "data race" "Invalid read" "Invalid write" "Uninitialized"; do
    if ! reports "$work/wrong.log" | grep -q "$error"; then
        echo "oclgrind did not report '$error' of a kernel that has it; the runs above prove nothing." >&2
        cat "$work/wrong.log" >&2
        exit 1
    fi
done
echo "oclgrind found nothing wrong with the kernels, and everything wrong with those that are."
