// SPDX-License-Identifier: Apache-2.0
/** Fault propagation by return code, the default style. */
@NullMarked
package dev.faultline.fault.coded.internal;

import org.jspecify.annotations.NullMarked;
