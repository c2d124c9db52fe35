// SPDX-License-Identifier: Apache-2.0
// The smallest guest: says hello from 64-bit mode and ends with debug-exit value 0.
#include "guest.h"

void guest_main(void) { print("hello from long mode\n"); }
