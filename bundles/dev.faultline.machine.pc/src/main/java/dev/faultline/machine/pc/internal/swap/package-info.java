// SPDX-License-Identifier: Apache-2.0
/**
 * What comes and goes under a running machine: engines, styles, translation, protection, devices,
 * listeners.
 */
@NullMarked
package dev.faultline.machine.pc.internal.swap;

import org.jspecify.annotations.NullMarked;
