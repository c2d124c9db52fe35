// SPDX-License-Identifier: Apache-2.0
/** Where a machine's pages are and when they are wanted: pictures for terminals and files. */
package dev.faultline.shell.internal.picture;
