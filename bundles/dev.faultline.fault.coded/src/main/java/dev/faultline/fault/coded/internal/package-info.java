// SPDX-License-Identifier: Apache-2.0
/** Fault propagation by return code, the default style. */
package dev.faultline.fault.coded.internal;
