// SPDX-License-Identifier: Apache-2.0
/**
 * What comes and goes under a running machine: engines, styles, translation, protection, devices,
 * listeners.
 */
package dev.faultline.machine.pc.internal.swap;
