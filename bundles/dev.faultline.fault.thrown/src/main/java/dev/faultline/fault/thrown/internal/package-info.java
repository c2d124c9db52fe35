// SPDX-License-Identifier: Apache-2.0
/** Fault propagation by exception. */
@NullMarked
package dev.faultline.fault.thrown.internal;

import org.jspecify.annotations.NullMarked;
