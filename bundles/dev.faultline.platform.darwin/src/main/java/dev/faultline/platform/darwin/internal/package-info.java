// SPDX-License-Identifier: Apache-2.0
/** Host memory through libSystem of macOS. */
@NullMarked
package dev.faultline.platform.darwin.internal;

import org.jspecify.annotations.NullMarked;
