// SPDX-License-Identifier: Apache-2.0
/** Fault propagation by exception. */
package dev.faultline.fault.thrown.internal;
