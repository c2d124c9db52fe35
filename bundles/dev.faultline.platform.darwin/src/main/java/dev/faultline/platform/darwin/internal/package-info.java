// SPDX-License-Identifier: Apache-2.0
/** Host memory through libSystem of macOS. */
package dev.faultline.platform.darwin.internal;
