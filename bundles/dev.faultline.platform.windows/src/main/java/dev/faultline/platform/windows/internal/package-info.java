// SPDX-License-Identifier: Apache-2.0
/** Host memory through kernel32 of 64-bit Windows. */
@NullMarked
package dev.faultline.platform.windows.internal;

import org.jspecify.annotations.NullMarked;
