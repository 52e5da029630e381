// What the library is: the version of its functions and bits, and the compiler that built it.

#ifdef __FAST_MATH__
#error "-ffast-math changes the order of sums"
#endif

extern "C" int isoloss_abi() { return 1; }

extern "C" const char* isoloss_compiler() {
#ifdef __clang__
    return __VERSION__;  // begins with the compiler's name
#else
    return "GCC " __VERSION__;
#endif
}
