# Options of the sanitizers for every test run, in one place: read by tests/check.sh and by tests/func/lib/chatd.js.
# Exit code 66 tells a report of a sanitizer from every exit code of the programs themselves.
ASAN_OPTIONS=abort_on_error=0:exitcode=66:detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1:check_initialization_order=1
UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1:exitcode=66
TSAN_OPTIONS=exitcode=66:halt_on_error=0:second_deadlock_stack=1
